"""Bands that change because time passes."""

import asyncio
from datetime import timedelta

from tests.integration.scoring.conftest import Scoring
from tests.integration.scoring.profiles import customer, profile
from tests.support.builders import day
from tests.support.clock import ManualClock

MICROSECOND = timedelta(microseconds=1)


async def test_a_band_changes_at_its_instant_and_not_a_microsecond_before(scoring: Scoring) -> None:
    await scoring.handle(profile(1, [day(0)]))
    before = await scoring.stored(customer(1))
    assert await scoring.wake(day(45) - MICROSECOND) == 0
    assert await scoring.wake(day(45)) == 1
    after = await scoring.stored(customer(1))
    assert after.version > before.version
    assert await scoring.owed() == {customer(1): after.version}
    churn = after.data.kinds["churn_risk"]
    assert (churn.band, churn.value, churn.as_of, churn.next_transition_at) == ("medium", 40.0, day(45), day(112.5))
    assert after.correlationid == before.correlationid
    assert await scoring.wake(day(45)) == 0


async def test_who_wakes_late_finds_the_same_exact_instants(scoring: Scoring) -> None:
    await scoring.handle(profile(1, [day(0)]))
    assert await scoring.wake(day(300)) == 1
    churn = (await scoring.stored(customer(1))).data.kinds["churn_risk"]
    assert [(s.band, s.since, s.until) for s in churn.bands] == [
        ("medium", day(45), day(112.5)),
        ("high", day(112.5), None),
    ]
    assert churn.next_transition_at is None
    assert await scoring.wake(day(3000)) == 0


async def test_every_due_customer_is_woken_once_by_two_processes_together(scoring: Scoring) -> None:
    await scoring.handle(*(profile(number, [day(0)]) for number in range(2_500)))
    scoring.clock.move_to(day(46))
    handled = await asyncio.gather(*(scoring.wake(day(46)) for _ in range(5)))
    while more := await scoring.wake(day(46)):
        handled.append(more)
    assert sum(handled) == 2_500
    assert len(await scoring.owed()) == 2_500
    changes = scoring.metrics.band_changes.labels(band="medium", cause="time")
    assert changes._value.get() == 2_500


async def test_a_customer_drifts_no_further_than_is_settled(scoring: Scoring) -> None:
    """Business time is months ahead, and interactions of these months may be under way."""
    scoring.clock.move_to(day(300))
    scoring.settled = ManualClock(day(50))
    await scoring.handle(profile(1, [day(0)]), profile(2, [day(0), day(290)]))
    behind, ahead = [(await scoring.stored(customer(number))).data.kinds["churn_risk"] for number in (1, 2)]
    assert (behind.band, behind.as_of, behind.next_transition_at) == ("medium", day(50), day(112.5))
    assert (ahead.band, ahead.as_of) == ("low", day(290))
    assert ("high", day(290)) in {(spell.band, spell.until) for spell in ahead.bands}
