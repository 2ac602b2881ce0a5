"""The whole service on a real broker and a real database."""

import msgspec

from services.scoring.app import build
from services.scoring.settings import Settings
from shared.contracts import Score, Snapshot
from shared.kafka.topics import PROFILES, SCORES
from tests.integration.scoring.profiles import customer, profile
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.topics import last_per_key, publish
from tests.support.waiting import eventually


async def test_profiles_become_scores_and_time_alone_moves_them(lease: Lease) -> None:
    clock = ManualClock(day(10))
    snapshots = [profile(number, [day(0)]) for number in range(30)]
    async with running(build(Settings(**await lease.settings("scoring")), clock=clock)):
        await publish(lease, PROFILES, [(one.subject.encode(), msgspec.json.encode(one)) for one in snapshots])

        async def scored(band: str) -> dict[str, Snapshot[Score]]:
            last = await last_per_key(lease, SCORES)
            standing = {key: one for key, one in last.items() if one.data.kinds["churn_risk"].band == band}
            return standing if len(standing) == 30 else {}

        low = await eventually(lambda: scored("low"), what="30 scores in band low")
        clock.move_to(day(46))
        medium = await eventually(lambda: scored("medium"), what="30 scores in band medium")
        again = profile(7, [day(0), day(45.5)], version=2)
        await publish(lease, PROFILES, [(again.subject.encode(), msgspec.json.encode(again))])

        async def bought() -> Snapshot[Score] | None:
            last: Snapshot[Score] = (await last_per_key(lease, SCORES))[customer(7)]
            return last if last.data.profile_version == 2 else None

        last = await eventually(bought, what="the score after the purchase")
        assert last is not None
    assert low.keys() == {customer(number) for number in range(30)}
    assert all(medium[key].version > low[key].version for key in low)
    assert last.version > medium[customer(7)].version
    assert [(s.band, s.since, s.until) for s in last.data.kinds["churn_risk"].bands] == [("medium", day(45), day(45.5))]
