"""Batches of snapshots and timers, on a real database."""

import itertools

import msgspec
import pytest

from services.alerts.domain.entities import Alert
from services.alerts.domain.lifecycle import Actor, acknowledge
from services.alerts.domain.rules import parse_rules
from services.alerts.store import AlertsStore
from shared.contracts import Snapshot
from shared.ids import customer_id_of
from tests.integration.alerts.bench import RULES, Bench, profile, score
from tests.support.builders import day

ONE, TWO = "shop:1", "shop:2"
WINNER, LOSER = sorted((ONE, TWO), key=customer_id_of)
WINNER_ID, LOSER_ID = customer_id_of(WINNER), customer_id_of(LOSER)


async def test_a_silence_is_woken_at_its_instant_and_ended_by_a_purchase(bench: Bench) -> None:
    """Foreseen by the batch, fired by the timer, resolved by the next batch; every version is greater."""
    outcome = await bench.profiles(profile((ONE, 0), version=1, owner="ann"))
    assert (outcome.applied, outcome.stale, outcome.publications) == (1, 0, [])
    assert await bench.at(89.99) == 0
    assert await bench.at(90) == 1
    (alert,) = await bench.alerts()
    assert (alert.condition, alert.fired_at, alert.owner) == ("firing", day(90), "ann")
    assert await bench.owed() == {alert.alert_id}
    bench.clock.move_to(day(101))
    (published,) = (await bench.profiles(profile((ONE, 0), (ONE, 100), version=2, owner="ann"))).publications
    resolved = msgspec.json.decode(published.payload or b"", type=Snapshot[Alert])
    assert (resolved.data.condition, resolved.data.resolved_at, resolved.data.outcome) == (
        "resolved", day(100), "retained",
    )  # fmt: skip
    assert resolved.version == published.version
    assert (await bench.open_at(day(90)), await bench.open_at(day(90.5)), await bench.open_at(day(100))) == (0, 1, 0)


async def test_a_batch_that_is_run_again_publishes_again_what_it_decided(bench: Bench) -> None:
    """Even when newer records of the customer stand in the same batch and change nothing."""
    bench.clock.move_to(day(95))
    first, second = profile((ONE, 0), version=5), profile((ONE, 0), version=6)
    (published,) = (await bench.profiles(first)).publications
    again = await bench.profiles(first)
    assert (again.applied, again.stale, list(again.publications)) == (0, 1, [published])
    both = await bench.profiles(first, second)
    assert (both.applied, both.stale, list(both.publications)) == (1, 1, [published])
    assert (await bench.profiles(profile((ONE, 0), version=7))).publications == []


async def test_an_older_snapshot_changes_nothing(bench: Bench) -> None:
    """Whether it comes later or in the same batch."""
    bench.clock.move_to(day(120))
    old, new = profile((ONE, 0), version=1), profile((ONE, 0), (ONE, 80), version=2)
    outcome = await bench.profiles(new, old)
    assert (outcome.applied, outcome.stale) == (1, 1)
    await bench.profiles(old)
    assert await bench.alerts() == []


async def test_a_merge_ends_the_same_in_any_order_of_profiles_and_scores(bench: Bench) -> None:
    """The winner takes over what its history carries; the rest of the loser's alerts is retracted."""
    bench.clock.move_to(day(150))
    for place, order in enumerate(itertools.permutations(range(4))):
        winner, loser = sorted((f"shop:{place}a", f"shop:{place}b"), key=customer_id_of)
        await merge(bench, winner, loser, order)
        after = await bench.alerts(customer_id=customer_id_of(winner))
        valid = [(alert.rule_id, alert.condition) for alert in after if alert.condition != "retracted"]
        assert valid == [("complaint-opened", "firing")], order
        rest = await bench.alerts(customer_id=customer_id_of(loser))
        assert {alert.condition for alert in rest} <= {"retracted"}, order
        assert len(after) + len(rest) == 4


async def merge(bench: Bench, winner: str, loser: str, order: tuple[int, ...]) -> None:
    """Two customers with two alerts each become one; the four snapshots that say so arrive in `order`."""
    winner_id, loser_id = customer_id_of(winner), customer_id_of(loser)
    await bench.profiles(
        profile((winner, 0), (winner, 130), version=1, references=[winner]),
        profile((loser, 50), version=2, references=[loser], complaints=[(140, None)]),
    )
    await bench.scores(
        score((winner, "low", 130, None), version=3, profile_version=1, customer_id=winner_id),
        score((loser, "high", 145, None), version=4, profile_version=2, customer_id=loser_id),
    )
    assert len(await bench.alerts(customer_id=loser_id)) == 3
    merged = profile(
        *((winner, 0), (loser, 50), (winner, 130)),
        version=10,
        references=[loser, winner],
        complaints=[(140, None)],
    )
    gone = profile(version=11, references=[loser], merged_into=winner_id)
    steps = [
        lambda: bench.profiles(merged),
        lambda: bench.profiles(gone),
        lambda: bench.scores(score((winner, "low", 130, None), version=20, profile_version=10, customer_id=winner_id)),
        lambda: bench.scores(score(version=21, profile_version=11, customer_id=loser_id, status="merged")),
    ]
    for step in order:
        await steps[step]()
        await bench.wake()


@pytest.mark.parametrize("winner_first", [True, False])
async def test_an_unmerge_gives_everybody_their_own_alerts_back(bench: Bench, winner_first: bool) -> None:
    """Also when a timer of the former winner runs in between."""
    bench.clock.move_to(day(150))
    merged = profile((WINNER, 0), (LOSER, 40), version=1, references=[WINNER, LOSER])
    gone = profile(version=2, references=[LOSER], merged_into=WINNER_ID)
    await bench.profiles(merged, gone)
    (joint,) = await bench.alerts()
    assert (joint.customer_id, joint.fired_at) == (WINNER_ID, day(130))
    alone = profile((WINNER, 0), version=5, references=[WINNER])
    back = profile((LOSER, 40), version=6, references=[LOSER])
    for one in (alone, back) if winner_first else (back, alone):
        await bench.profiles(one)
        await bench.wake()
    assert sorted((alert.customer_id, alert.fired_at) for alert in await bench.state()) == sorted(
        [(WINNER_ID, day(90)), (LOSER_ID, day(130))]
    )
    untouched = next(alert for alert in await bench.alerts() if alert.alert_id == joint.alert_id)
    assert [act.reason for act in untouched.history] == ["condition_held", "customer_changed"]


async def test_batches_cut_anyhow_end_in_the_same_alerts(bench: Bench) -> None:
    """One batch of everything, or every snapshot alone with the timers in between."""
    customers = [f"shop:{number}" for number in range(20)]
    days = [0, 30, 100, 130, 131, 260]
    versions = [
        profile(*((name, at + place) for at in days[:count]), version=count, references=[name])
        for place, name in enumerate(customers)
        for count in range(1, len(days) + 1)
    ]
    for one in sorted(versions, key=lambda one: one.version):
        bench.clock.move_to(max(bench.clock.now(), day(days[one.version - 1])))
        await bench.profiles(one)
        await bench.wake()
    await bench.at(400)
    stepwise = await bench.state()
    async with bench.database.transaction() as connection:
        await connection.execute("truncate alerts, subjects")
    await bench.profiles(*versions)
    assert await bench.state() == stepwise
    assert len(stepwise) == 40


async def test_a_score_fires_resolves_and_is_woken_after_its_grace(bench: Bench) -> None:
    """Band changes come from scoring; only the grace is ours to wait for."""
    bench.use(
        parse_rules(
            {"rules": [{"id": "h", "when": {"score": "churn_risk", "band": "high"}, "grace": "2d", "severity": "info"}]}
        )
    )
    await bench.apply_rules()
    bench.clock.move_to(day(101))
    await bench.scores(score((ONE, "high", 100, None), version=1, profile_version=1, customer_id=customer_id_of(ONE)))
    assert await bench.alerts() == []
    assert await bench.at(102) == 1
    (alert,) = await bench.alerts()
    assert (alert.fired_at, alert.announce) == (day(100), True)


async def test_a_removed_complaint_takes_its_alert_along(bench: Bench) -> None:
    """It fires at once; when the history no longer has it, it is retracted."""
    bench.clock.move_to(day(5))
    await bench.profiles(profile((ONE, 0), version=1, complaints=[(4, None)]))
    assert [alert.condition for alert in await bench.alerts(rule="complaint-opened")] == ["firing"]
    await bench.profiles(profile((ONE, 0), version=2))
    assert [alert.condition for alert in await bench.alerts(rule="complaint-opened")] == ["retracted"]


async def test_an_erased_customer_has_no_firing_alerts(bench: Bench) -> None:
    """Profiles publishes the erased state without references."""
    bench.clock.move_to(day(95))
    await bench.profiles(profile((ONE, 0), version=1))
    erased = profile(version=2, references=[], customer_id=customer_id_of(ONE), status="erased")
    await bench.profiles(erased)
    (alert,) = await bench.alerts()
    assert (alert.condition, alert.history[-1].reason) == ("resolved", "customer_erased")


async def test_a_promise_that_runs_out_opens_the_alert_again(bench: Bench) -> None:
    """At the promised instant, owed to the topic."""
    bench.clock.move_to(day(95))
    await bench.profiles(profile((ONE, 0), version=1))
    (alert,) = await bench.alerts()
    done = await bench.acts.act(
        alert.alert_id, "acknowledge", lambda a: acknowledge(a, Actor("ann", day(95)), day(97)), "c"
    )
    assert done is not None
    assert await bench.at(96) == 0
    assert await bench.at(98) == 1
    (alert,) = await bench.alerts(handling="open")
    assert (alert.history[-1].act, alert.history[-1].at) == ("reopened", day(97))


async def test_changed_rules_concern_what_is_open_and_what_comes(bench: Bench) -> None:
    """Alerts of removed rules resolve, open ones are decided again, new rules raise nothing of the past."""
    names = [f"shop:{number}" for number in range(3)]
    bench.clock.move_to(day(95))
    await bench.profiles(
        profile((names[0], 0), version=1, references=[names[0]]),
        profile((names[1], 20), version=1, references=[names[1]]),
        profile((names[2], 60), version=1, references=[names[2]], complaints=[(94, None)]),
    )
    assert [(alert.rule_id, alert.condition) for alert in await bench.alerts()] == [
        ("no-purchase-90d", "firing"), ("complaint-opened", "firing"),
    ]  # fmt: skip
    shorter = {**RULES["rules"][0], "when": {"absent": "customer.purchase", "longer_than": "60d"}}
    bench.use(parse_rules({"rules": [shorter]}))
    await bench.apply_rules()
    first, second = await bench.alerts()
    assert (first.fired_at, first.condition, first.history[-1].reason) == (day(60), "firing", "rule_changed")
    assert (second.condition, second.history[-1].reason, second.resolved_at) == ("resolved", "rule_removed", day(95))
    assert {first.alert_id, second.alert_id} <= await bench.owed()
    await bench.at(121)
    assert [alert.fired_at for alert in await bench.alerts(rule="no-purchase-90d")] == [day(60), day(120)]


async def test_rules_applied_again_change_nothing(bench: Bench) -> None:
    """A restart with the same file."""
    bench.use(parse_rules(RULES))
    await bench.apply_rules()
    async with bench.database.connection() as connection:
        assert await connection.fetchval("select count(*) from rule_versions") == 1


async def test_old_alerts_leave_the_topic_and_come_back_when_they_change(bench: Bench) -> None:
    """The store keeps them; a tombstone is owed to the topic."""
    bench.clock.move_to(day(150))
    await bench.profiles(profile((ONE, 0), (ONE, 100), version=1))
    (alert,) = await bench.alerts()
    assert await bench.timers.forget_old(day(150)) == 0
    async with bench.database.transaction() as connection:
        versions = await AlertsStore(connection).tombstone_alerts(2**62, 10)
        (entry,) = await connection.fetch("select alert_id, version, tombstoned from alerts")
    assert versions == {alert.alert_id: entry["version"]}
    assert entry["tombstoned"]
    assert await bench.open_at(day(95)) == 1
    await bench.profiles(profile((ONE, 0), (ONE, 99), (ONE, 100), version=2))
    async with bench.database.connection() as connection:
        assert not await connection.fetchval("select tombstoned from alerts")
