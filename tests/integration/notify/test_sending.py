"""Claims, attempts and what becomes of them, step by step on a real database and mail server."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.notify.domain.attempts import Attempt, Outcome
from services.notify.domain.dispatches import Dispatch
from services.notify.store import NotifyStore
from shared.pipeline import TimerLoop
from shared.postgres import Database
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.parts import Parts
from tests.integration.notify.values import DAY, NOW, alert, id_of, profile, resolved, snapshot
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

FIRED = "fired"
WAITING_FOR_LOCK = """
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""
ADA = "ada.brandt@example.com"
JO = "jo@customers.example"


async def test_a_refusal_for_now_is_tried_again_and_a_final_one_is_not(parts: Parts, mailbox: Mailbox) -> None:
    """451 comes back after its back-off, 550 fails with its code."""
    mailbox.tricks = {ADA: ["later"], JO: ["never"]}
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    await parts.send_all()
    a = id_of("a")
    assert await parts.states() == {
        (a, FIRED, "owner"): ("planned", "retrying"),
        (a, FIRED, "win_back"): ("failed", "refused"),
    }
    await parts.hurry()
    await parts.send_all()
    assert (await parts.states())[a, FIRED, "owner"] == ("sent", None)
    assert len(mailbox.to(ADA)) == 1
    assert mailbox.to(JO) == []


async def test_what_broke_off_after_the_text_is_repeated_to_staff_and_unknown_for_customers(
    parts: Parts, mailbox: Mailbox
) -> None:
    """Under the same Message-ID, though the alert is over by then; and the closing still follows."""
    mailbox.tricks = {ADA: ["cut"], JO: ["cut"]}
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    await parts.send_all()
    await parts.alerts(resolved("a", "jo"))
    await parts.send_all()
    a = id_of("a")
    assert await parts.states() == {
        (a, FIRED, "owner"): ("planned", "retrying"),
        (a, FIRED, "win_back"): ("unknown", "outcome_unknown"),
        (a, "closed", "owner"): ("held", "awaiting_firing"),
    }
    async with parts.database.connection() as connection:
        await connection.execute("update notifications set due_at = clock_timestamp() where status = 'planned'")
    await parts.send_all()
    assert (await parts.states())[a, FIRED, "owner"] == ("sent", None)
    assert (await parts.states())[a, "closed", "owner"] == ("sent", None)
    first, again, closing = mailbox.to(ADA)
    assert first["Message-ID"] == again["Message-ID"] != closing["Message-ID"]
    assert len(mailbox.to(JO)) == 1


async def test_a_server_that_is_away_costs_nothing_but_time(parts: Parts, mailbox: Mailbox) -> None:
    """Connection refused is a refusal for now."""
    port, parts.gateway._server = mailbox.port, type(parts.gateway._server)("127.0.0.1", 1)
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    await parts.send_all()
    assert set((await parts.states()).values()) == {("planned", "retrying")}
    parts.gateway._server = type(parts.gateway._server)("127.0.0.1", port)
    await parts.hurry()
    await parts.send_all()
    assert set((await parts.states()).values()) == {("sent", None)}


async def test_when_the_sender_died_staff_get_it_again_and_customers_do_not(parts: Parts, mailbox: Mailbox) -> None:
    """The lease ends; the dead one's late answer changes nothing."""
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    count, tasks = await parts.claims.claim(NOW, 10)
    assert (count, len(tasks)) == (2, 2)
    assert set((await parts.states()).values()) == {("sending", "in_flight")}
    await parts.send_all()
    assert mailbox.messages == []
    await parts.hurry()
    await parts.send_all()
    a = id_of("a")
    expected = {
        (a, FIRED, "owner"): ("sent", None),
        (a, FIRED, "win_back"): ("unknown", "outcome_unknown"),
    }
    assert await parts.states() == expected
    for task in tasks:
        await parts.claims.complete([(task, Attempt(Outcome.REFUSED))], NOW)
    assert await parts.states() == expected
    assert len(mailbox.to(ADA)) == 1


async def test_a_service_that_stops_finishes_what_is_under_way(parts: Parts, mailbox: Mailbox) -> None:
    """Or every stop would leave mail to customers unknown for ever."""
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    mailbox.gate.clear()
    loop = TimerLoop("sender", parts.clock, parts.sender.step, finish=parts.sender.finish)
    running = asyncio.create_task(loop.run())

    async def handed_over() -> bool:
        return mailbox.asked == 2

    await eventually(handed_over, what="two recipients named")
    running.cancel()
    mailbox.gate.set()
    assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], asyncio.CancelledError)
    assert set((await parts.states()).values()) == {("sent", None)}


async def test_two_processes_send_one_win_back_per_customer(
    database: Database, clock: ManualClock, mailbox: Mailbox
) -> None:
    """While one decides about some alerts of a customer, the other waits with those that are left."""
    stored, go_on = asyncio.Event(), asyncio.Event()

    class SlowStore(NotifyStore):
        async def upsert_notifications(self, dispatches: Sequence[Dispatch], now: datetime) -> dict[str, int]:
            versions = await super().upsert_notifications(dispatches, now)
            stored.set()
            await go_on.wait()
            return versions

    slow, quick = Parts(database, clock, mailbox, store=SlowStore), Parts(database, clock, mailbox)
    await quick.profiles(profile("jo"))
    await quick.alerts(*(alert(f"a{n}", "jo", notify=("customer",)) for n in range(10)))
    first = asyncio.create_task(slow.claims.claim(NOW, 3))
    await asyncio.wait_for(stored.wait(), 20)
    second = asyncio.create_task(quick.claims.claim(NOW, 10))

    async def waits_or_is_through() -> bool:
        async with database.connection() as connection:
            return second.done() or bool(await connection.fetchval(WAITING_FOR_LOCK))

    await eventually(waits_or_is_through, what="the second process at the lock")
    go_on.set()
    claimed = await asyncio.gather(first, second)
    assert [count for count, _ in claimed] == [3, 7]
    assert sum(len(tasks) for _, tasks in claimed) == 1
    assert sorted((await quick.states()).values()) == [("dropped", "frequency_cap")] * 9 + [("sending", "in_flight")]


async def test_a_win_back_follows_who_was_merged_and_counts_for_both(
    parts: Parts, clock: ManualClock, mailbox: Mailbox
) -> None:
    """To the address of whom they became; 30 days for all of them together."""
    await parts.profiles(profile("jo"), profile("joanna"))
    await parts.alerts(alert("a", "jo", notify=("customer",)))
    await parts.send_all()
    gone = profile("jo", 2).data
    merged = type(gone)(
        customer_id=gone.customer_id, status="merged", merged_into=id_of("joanna"), history=gone.history
    )
    await parts.profiles(snapshot(gone.customer_id, 2, merged))
    await parts.alerts(alert("b", "joanna", notify=("customer",)))
    await parts.send_all()
    assert (await parts.states())[id_of("b"), FIRED, "win_back"] == ("dropped", "frequency_cap")
    clock.advance(31 * DAY)
    await parts.alerts(alert("c", "jo", notify=("customer",), fired_at=clock.now()))
    await parts.send_all()
    assert (await parts.states())[id_of("c"), FIRED, "win_back"] == ("sent", None)
    assert [recipient for recipient, _ in mailbox.messages] == [JO, "joanna@customers.example"]


async def test_every_step_has_one_decision_with_a_reason(parts: Parts, clock: ManualClock, mailbox: Mailbox) -> None:
    """Stale, over before it was sent, unannounced, without consent or address, owner unknown."""
    await parts.profiles(profile("jo", consent=None), profile("al", address=None), profile("bo", owner="nobody"))
    await parts.alerts(
        alert("stale", "jo", fired_at=NOW - 8 * DAY),
        resolved("over", "jo"),
        alert("quiet", "jo", announce=False),
        alert("no-consent", "jo"),
        alert("no-address", "al"),
        alert("no-owner", "bo", notify=("owner",)),
    )
    await parts.send_all()
    expected = {
        ("stale", FIRED, "owner"): ("dropped", "stale"),
        ("stale", FIRED, "win_back"): ("dropped", "stale"),
        ("over", FIRED, "owner"): ("dropped", "resolved"),
        ("over", FIRED, "win_back"): ("dropped", "resolved"),
        ("over", "closed", "owner"): ("dropped", "not_told"),
        ("quiet", FIRED, "owner"): ("dropped", "not_announced"),
        ("quiet", FIRED, "win_back"): ("dropped", "not_announced"),
        ("no-consent", FIRED, "owner"): ("sent", None),
        ("no-consent", FIRED, "win_back"): ("dropped", "no_consent"),
        ("no-address", FIRED, "owner"): ("sent", None),
        ("no-address", FIRED, "win_back"): ("dropped", "no_address"),
        ("no-owner", FIRED, "owner"): ("dropped", "unknown_owner"),
    }
    assert await parts.states() == {(id_of(name), *step): state for (name, *step), state in expected.items()}


async def test_customers_get_nothing_until_it_is_switched_on(
    parts: Parts, clock: ManualClock, mailbox: Mailbox
) -> None:
    """Off is the default."""
    cautious = Parts(parts.database, clock, mailbox, customer_sends=False)
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo", notify=("customer",)))
    await cautious.send_all()
    assert list((await parts.states()).values()) == [("dropped", "customer_sends_off")]


async def test_who_was_told_by_the_predecessor_is_told_of_the_successors_end(parts: Parts, mailbox: Mailbox) -> None:
    """A spell whose start moved: one mail when it fired, one when it is over, none in between."""
    await parts.profiles(profile("jo", owner="ben"))
    old, new = id_of("old"), id_of("new")
    await parts.alerts(alert("old", "jo", notify=("owner",)))
    await parts.send_all()
    await parts.profiles(profile("jo", 2, owner="lin"))
    await parts.alerts(
        alert("old", "jo", 2, notify=("owner",), condition="retracted", succeeded_by=new),
        alert("new", "jo", notify=("owner",), announce=False, succeeds=old),
    )
    await parts.send_all()
    await parts.alerts(resolved("new", "jo", notify=("owner",), announce=False, succeeds=old))
    await parts.send_all()
    assert await parts.states() == {
        (old, FIRED, "owner"): ("sent", None),
        (old, "closed", "owner"): ("dropped", "handed_over"),
        (new, FIRED, "owner"): ("dropped", "not_announced"),
        (new, "closed", "owner"): ("sent", None),
    }
    assert len(mailbox.to("ben.okafor@example.com")) == 2
    assert len(mailbox.messages) == 2


async def test_alerts_and_profiles_may_come_in_any_order_and_twice(parts: Parts) -> None:
    """Counts of applied, duplicate and stale add up; old snapshots change nothing; publications are repeated."""
    outcome = await parts.profiles(profile("jo", 1), profile("jo", 3, owner="ben"), profile("jo", 3, owner="ben"))
    assert (outcome.applied, outcome.duplicate, outcome.stale) == (1, 1, 1)
    outcome = await parts.profiles(profile("jo", 2), profile("jo", 3))
    assert (outcome.applied, outcome.duplicate, outcome.stale) == (0, 1, 1)
    first = await parts.alerts(alert("a", "jo"))
    again = await parts.alerts(alert("a", "jo"))
    assert (again.applied, again.duplicate, again.stale) == (0, 1, 0)
    assert len(first.publications) == 2
    assert first.publications == again.publications


async def test_an_alert_about_somebody_unknown_is_decided_when_it_has_waited_long_enough(
    parts: Parts, mailbox: Mailbox
) -> None:
    """The default owner is told; the customer cannot be."""
    outcome = await parts.alerts(alert("a", "jo"))
    assert outcome.publications == []
    assert await parts.waiting.step(NOW) == 0
    await parts.hurry()
    assert await parts.waiting.step(NOW) == 1
    await parts.send_all()
    assert (await parts.states())[id_of("a"), FIRED, "win_back"] == ("dropped", "unknown_customer")
    assert len(mailbox.to(ADA)) == 1
    async with parts.database.connection() as connection:
        owed = await connection.fetchval("select count(distinct entity_id) from to_publish")
        stored = await NotifyStore(connection).list_notifications_of_alerts([id_of("a")])
    assert owed == len(stored) == 2
