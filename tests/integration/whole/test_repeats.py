"""Events that come more than once, in no order, or late: each counts once, and each correction is told once."""

import asyncio
import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from services.ingest.handlers.principals import rotate_key
from services.ingest.store import IngestStore
from shared.kafka.topics import ALERTS, INTERACTIONS, PROFILES
from tests.integration.whole.looking import all_dead_letters, customer, event, handled, rows, versions
from tests.support.builders import DAY
from tests.support.waiting import eventually
from tests.support.world import CALLER, World

HOUR = timedelta(hours=1)
_names = itertools.count(1)


@pytest.fixture
def who() -> str:
    """A reference that nobody has yet."""
    return f"shop:repeat-{next(_names)}"


async def other_key(world: World) -> str:
    """A second key of the same source, which works by now."""
    async with world.apps["ingest"].database.transaction() as connection:
        granted = await rotate_key(IngestStore(connection), CALLER.name, overlap=timedelta(days=1))

    async def known() -> bool:
        return world.apps["ingest"].directory.find(granted.key.secret) is not None

    await eventually(known, what="the second key")
    return granted.key.secret


async def post(world: World, key: str, events: Sequence[dict[str, Any]]) -> None:
    url = world.url("ingest") + "/v1/interactions"
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as session, session.post(url, json=list(events), headers=headers) as answer:
        assert (answer.status, await answer.json()) == (202, {"accepted": len(events), "refused": []})


async def test_whoever_repeats_whatever_with_either_key_at_once_or_hours_later_it_counts_once(
    world: World, who: str
) -> None:
    """One to five times: in one request, in two at the same moment, and again hours later. Each answer is 202."""
    chance = random.Random(17)
    now = world.clock.now()
    events = [event(f"r{number}", who, now - number * HOUR) for number in range(40)]
    copies = [one for one in events for _ in range(chance.randint(1, 5))]
    chance.shuffle(copies)
    keys = [world.key, await other_key(world)]
    applied, duplicate = (handled(world, "profiles", INTERACTIONS, kind) for kind in ("applied", "duplicate"))
    third = len(copies) // 3
    await post(world, keys[0], copies[:third])
    await asyncio.gather(*(post(world, keys[turn % 2], [one]) for turn, one in enumerate(copies[third : 2 * third])))
    await world.rest()
    await world.move_to(now + 5 * HOUR)
    await asyncio.gather(*(post(world, key, copies[2 * third :]) for key in keys))
    await world.rest()
    sent = len(copies) + len(copies[2 * third :])
    record = await customer(world, who)
    assert (record["aggregates"]["purchases"], record["aggregates"]["spend"]) == (40, {"USD": "400.00"})
    assert handled(world, "profiles", INTERACTIONS, "applied") - applied == 40
    assert handled(world, "profiles", INTERACTIONS, "duplicate") - duplicate == sent - 40
    assert not await rows(world, "profiles", "select * from conflicts where reference = $1", who)


async def test_another_body_under_a_known_id_is_accepted_kept_aside_once_and_changes_nothing(
    world: World, who: str
) -> None:
    """The first stays. Ingest holds no store to compare with, so it answers 202; profiles keeps the other body."""
    now = world.clock.now()
    first = event("same", who, now)
    other = event("same", who, now, data={"amount": "99.00", "currency": "USD"})
    later = event("same", who, now - DAY)
    await world.post([first])
    await world.rest()
    for one in (other, later, other, first):  # a conflict is kept once, however often it comes
        await world.post([one])
        await world.rest()
    record = await customer(world, who)
    assert (record["aggregates"]["purchases"], record["aggregates"]["spend"]) == (1, {"USD": "10.00"})
    assert len(await rows(world, "profiles", "select * from conflicts where reference = $1", who)) == 2
    timeline = await world.get("profiles", f"/v1/customers/{record['customer_id']}/timeline", total="true")
    assert timeline["total"] == 1


async def test_a_shuffled_story_ends_as_the_sorted_one_does_and_versions_only_rise(world: World, who: str) -> None:
    """The first and the last event change places as well, and every event is a request of its own."""
    now = world.clock.now()
    kinds = ["purchase", "visit", "complaint.opened", "purchase", "survey.answered", "complaint.resolved", "purchase"]
    more: dict[str, Any] = {
        "complaint.opened": {"case": "c"},
        "complaint.resolved": {"case": "c"},
        "survey.answered": {"kind": "nps", "score": 3},
    }
    shuffled = f"{who}-shuffled"
    stories = {
        subject: [
            event(f"s{n}", subject, now - (60 - 8 * n) * DAY, kind, **({"data": more[kind]} if kind in more else {}))
            for n, kind in enumerate(kinds)
        ]
        for subject in (who, shuffled)
    }
    await world.post(stories[who])
    told = stories[shuffled]
    random.Random(19).shuffle(told)
    told[0], told[-1] = told[-1], told[0]
    for one in told:
        await world.post([one])
        await world.rest()
    records = [await customer(world, subject) for subject in (who, shuffled)]
    for record, subject in zip(records, (who, shuffled), strict=True):
        for name in ("customer_id", "references", "version"):
            record.pop(name)
        assert subject in str(record)
    assert str(records[0]) == str(records[1]).replace(shuffled, who)
    assert records[0]["aggregates"]["purchases"] == 3
    found = [version for _, version in await versions(world, PROFILES, shuffled)]
    assert found == sorted(found)
    assert len(set(found)) == len(told)


@pytest.mark.parametrize(
    ("late", "condition", "more"), [(1 / 24, "resolved", 0), (8, "resolved", 0), (400, "resolved", 1)]
)
async def test_what_comes_late_is_corrected_once(
    world: World, who: str, late: float, condition: str, more: int
) -> None:
    """By an hour, by more than a notification may be old, by more than a year: the end of a silence moves, or a
    silence of long ago becomes known. Told again, nothing more is said, and nobody is told what is old news."""
    now = world.clock.now()
    await world.post([event("first", who, now - 100 * DAY), event("last", who, now)])
    await world.rest()
    [alert] = await alerts_of(world, who)
    assert datetime.fromisoformat(alert["resolved_at"]) == now
    before = await versions(world, ALERTS, who)
    mails, dead = len(world.mailbox.messages), await all_dead_letters(world)
    for _ in range(3):
        await world.post([event("late", who, now - late * DAY)])
        await world.rest()
    after = await alerts_of(world, who)
    assert len(after) == 1 + more
    assert {one["condition"] for one in after} == {condition}
    ends = {datetime.fromisoformat(one["resolved_at"]) for one in after}
    assert ends == ({now - late * DAY} if not more else {now, now - 100 * DAY})
    corrected = [alert_id for alert_id, _ in set(await versions(world, ALERTS, who)) - set(before)]
    assert len(corrected) == len(set(corrected)) > 0, "one snapshot of each alert that changed"
    assert len(world.mailbox.messages) == mails
    assert await all_dead_letters(world) == dead


async def alerts_of(world: World, reference: str) -> list[dict[str, Any]]:
    found = (await customer(world, reference))["customer_id"]
    answer = await world.get("alerts", "/v1/alerts", customer_id=found, rule="no-purchase-90d")
    return list(answer["items"])
