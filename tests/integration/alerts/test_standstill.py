"""When nothing arrives any more the people on call hear of it once, and once that it is over."""

from datetime import UTC, datetime, timedelta

from services.alerts.domain.entities import Alert
from services.alerts.domain.rules import parse_rules
from services.alerts.domain.standstill import AFTER, RULE_ID
from services.alerts.store import AlertsStore
from services.alerts.timers import Standstill
from shared.pipeline.settled import SettledClock
from tests.integration.alerts.bench import RULES, Bench
from tests.support.builders import day

REAL = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def replica(bench: Bench, *settled: SettledClock) -> Standstill:
    named = {str(number): clock for number, clock in enumerate(settled)}
    return Standstill(named, database=bench.database, store=AlertsStore, version="v1")


async def about_ourselves(bench: Bench) -> list[Alert]:
    return [alert for alert in await bench.alerts() if alert.rule_id == RULE_ID]


async def test_five_minutes_without_progress_raise_one_alert_and_progress_resolves_it(bench: Bench) -> None:
    """However many replicas notice."""
    moving, standing = SettledClock(bench.clock, day(9.5)), SettledClock(bench.clock, day(9))
    # Both come to a stand, at different instants.
    one, other = replica(bench, moving, standing), replica(bench, moving, standing)
    for look in (one.look, other.look):
        await look(day(10), REAL)
        await look(day(10), REAL + AFTER - MOMENT)
    assert await about_ourselves(bench) == []
    for look in (one.look, other.look):
        await look(day(10), REAL + AFTER)
        await look(day(10), REAL + 2 * AFTER)
    (alert,) = await about_ourselves(bench)
    assert (alert.condition, alert.severity, alert.notify, alert.evidence.since) == (
        "firing", "critical", ("owner",), day(9),
    )  # fmt: skip
    assert await bench.owed() == {alert.alert_id}
    moving.settled_at = standing.settled_at = day(11)
    for look in (one.look, other.look):
        await look(day(11), REAL + 3 * AFTER)
    (alert,) = await about_ourselves(bench)
    assert (alert.condition, alert.resolved_at) == ("resolved", day(11))


async def test_a_settled_that_has_caught_up_with_the_clock_does_not_stand(bench: Bench) -> None:
    """Of a clock that stands still nothing is missing."""
    watch = replica(bench, SettledClock(bench.clock, day(10)))
    for minutes in range(0, 60, 2):
        await watch.look(day(10), REAL + timedelta(minutes=minutes))
    assert await about_ourselves(bench) == []


async def test_a_process_that_starts_while_all_stands_leaves_the_alert_and_resolves_it_later(bench: Bench) -> None:
    standing = SettledClock(bench.clock, day(9))
    before = replica(bench, standing)
    await before.look(day(10), REAL)
    await before.look(day(10), REAL + AFTER)
    after = replica(bench, standing)
    await after.look(day(10), REAL + AFTER + MOMENT)
    assert [alert.condition for alert in await about_ourselves(bench)] == ["firing"]
    standing.settled_at = day(10.1)
    await after.look(day(10.1), REAL + AFTER + 2 * MOMENT)
    assert [alert.condition for alert in await about_ourselves(bench)] == ["resolved"]


async def test_new_rules_do_not_take_the_alert_about_ourselves_for_one_of_a_removed_rule(bench: Bench) -> None:
    watch = replica(bench, SettledClock(bench.clock, day(9)))
    await watch.look(day(10), REAL)
    await watch.look(day(10), REAL + AFTER)
    bench.use(parse_rules({"rules": [{**RULES["rules"][0], "severity": "critical"}]}))
    await bench.apply_rules()
    assert [alert.condition for alert in await about_ourselves(bench)] == ["firing"]
