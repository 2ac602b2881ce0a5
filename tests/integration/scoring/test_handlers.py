"""Batches of profiles against a real database."""

import asyncio
import random

import msgspec

from services.scoring.handlers import on_profiles
from services.scoring.store import ScoringStore
from shared.contracts import Score, Snapshot
from shared.errors import StaleReadError
from tests.integration.scoring.conftest import Scoring
from tests.integration.scoring.profiles import customer, profile, received
from tests.support.builders import day


async def test_every_customer_of_a_batch_is_published_with_its_scores(scoring: Scoring) -> None:
    scoring.clock.move_to(day(50))
    outcome = await scoring.handle(*(profile(number, [day(0)]) for number in range(20)))
    assert (outcome.applied, outcome.duplicate, outcome.stale) == (20, 0, 0)
    assert {one.entity_id for one in outcome.publications} == {customer(number) for number in range(20)}
    for one in outcome.publications:
        snapshot = msgspec.json.decode(one.payload or b"", type=Snapshot[Score])
        assert snapshot == await scoring.stored(one.entity_id)
        churn = snapshot.data.kinds["churn_risk"]
        assert (churn.band, churn.next_transition_at, churn.bands[0].since) == ("medium", day(112.5), day(45))
        assert snapshot.correlationid == "cause-1"
        assert b"Torres" not in (one.payload or b"")


async def test_the_newest_version_wins_within_a_batch_and_against_the_store(scoring: Scoring) -> None:
    old, newer, newest = (profile(1, [day(n)], version=n) for n in (1, 2, 3))
    outcome = await scoring.handle(newer, old)
    assert (outcome.applied, outcome.duplicate, outcome.stale) == (1, 0, 1)
    first = await scoring.stored(customer(1))
    assert first.data.profile_version == 2

    outcome = await scoring.handle(old)
    assert (outcome.applied, outcome.duplicate, outcome.stale) == (0, 0, 1)
    assert await scoring.stored(customer(1)) == first

    await scoring.handle(newest)
    last = await scoring.stored(customer(1))
    assert last.data.profile_version == 3
    assert last.version > first.version


async def test_a_repeated_batch_publishes_the_same_snapshots_again(scoring: Scoring) -> None:
    profiles = [profile(number, [day(0)]) for number in range(5)]
    first = await scoring.handle(*profiles)
    scoring.clock.move_to(day(1))
    again = await scoring.handle(*profiles)
    assert (again.applied, again.duplicate) == (0, 5)
    assert sorted(again.publications, key=lambda one: one.entity_id) == sorted(
        first.publications, key=lambda one: one.entity_id
    )


async def test_a_newer_profile_that_says_the_same_keeps_version_and_snapshot(scoring: Scoring) -> None:
    first = await scoring.handle(profile(1, [day(0)], version=1))
    again = await scoring.handle(profile(1, [day(0)], version=5, locale="zh-CN"))
    assert again.publications == first.publications
    assert again.applied == 1
    stale = await scoring.handle(profile(1, [day(0), day(3)], version=4))
    assert stale.stale == 1
    assert stale.publications == first.publications


async def test_a_newer_profile_with_other_references_is_a_new_version(scoring: Scoring) -> None:
    (first,) = (await scoring.handle(profile(1, [day(0)], version=1, references=("shop:1",)))).publications
    (second,) = (await scoring.handle(profile(1, [day(0)], version=2, references=("crm:9", "shop:1")))).publications
    assert second.version > first.version
    assert (await scoring.stored(customer(1))).data.profile_version == 2


async def test_a_purchase_closes_the_spell_and_the_band_falls_back(scoring: Scoring) -> None:
    scoring.clock.move_to(day(120))
    await scoring.handle(profile(1, [day(0)], version=1))
    before = (await scoring.stored(customer(1))).data.kinds["churn_risk"]
    assert [(s.band, s.since, s.until) for s in before.bands] == [
        ("medium", day(45), day(112.5)),
        ("high", day(112.5), None),
    ]
    await scoring.handle(profile(1, [day(0), day(119)], version=2))
    after = (await scoring.stored(customer(1))).data.kinds["churn_risk"]
    assert after.band == "low"
    assert [(s.band, s.since, s.until) for s in after.bands] == [
        ("medium", day(45), day(112.5)),
        ("high", day(112.5), day(119)),
    ]
    assert {s.anchor for s in after.bands} == {s.anchor for s in before.bands}


async def test_who_is_merged_away_has_no_scores_and_is_never_woken(scoring: Scoring) -> None:
    await scoring.handle(profile(1, [day(0)], version=1))
    outcome = await scoring.handle(profile(1, [], version=2, status="merged", merged_into=customer(2)))
    assert len(outcome.publications) == 1
    snapshot = await scoring.stored(customer(1))
    assert (snapshot.data.status, snapshot.data.kinds, snapshot.data.next_transition_at) == ("merged", {}, None)
    assert await scoring.wake(day(1000)) == 0


async def test_any_order_and_any_batches_end_in_the_same_scores(scoring: Scoring) -> None:
    history = [
        profile(number, [day(step * (number + 20)) for step in range(length)], version=length)
        for number in range(8)
        for length in range(1, 6)
    ]
    scoring.clock.move_to(day(400))
    chance = random.Random(7)
    for number in range(8):
        mine = [one for one in history if one.subject == customer(number)] * 2
        chance.shuffle(mine)
        while mine:
            size = chance.randint(1, 4)
            await scoring.handle(*mine[:size])
            mine = mine[size:]
    for number in range(8):
        stored = await scoring.stored(customer(number))
        await scoring.handle(profile(number + 100, [day(step * (number + 20)) for step in range(5)], version=5))
        alone = await scoring.stored(customer(number + 100))
        assert {name: kind.value for name, kind in stored.data.kinds.items()} == {
            name: kind.value for name, kind in alone.data.kinds.items()
        }
        assert [(s.band, s.since, s.until) for s in stored.data.kinds["churn_risk"].bands] == [
            (s.band, s.since, s.until) for s in alone.data.kinds["churn_risk"].bands
        ]


async def test_two_processes_that_store_one_new_customer_at_once_do_not_overwrite_each_other(scoring: Scoring) -> None:
    handle = on_profiles(ScoringStore, scoring.metrics, clock=scoring.clock, settled=scoring.clock)
    newer, older = profile(1, [day(0), day(2)], version=2), profile(1, [day(0)], version=1)
    async with scoring.database.transaction() as first:
        await handle(first, received(newer))

        async def second() -> str:
            try:
                await scoring.handle(older)
            except StaleReadError:
                return "reads again"
            return "overwrote"

        waiting = asyncio.create_task(second())
        await asyncio.wait([waiting], timeout=0.3)
        assert not waiting.done()
    assert await waiting == "reads again"
    assert (await scoring.stored(customer(1))).data.profile_version == 2
    assert (await scoring.handle(older)).stale == 1
