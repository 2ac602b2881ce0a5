"""What webhooks are told, whom it concerns, and what becomes of attempts."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from services.notify.domain.deliveries import (
    KEPT_RESULTS,
    MAX_RETRY_AFTER_SECONDS,
    RETRY_SECONDS,
    Answer,
    Delivery,
    Outcome,
    judge,
)
from services.notify.domain.events import Event, event_of_notification, events_of_alert
from services.notify.domain.snapshots import ActPart, AlertPart, EvidencePart
from services.notify.domain.webhooks import EVENT_TYPES, Filters, Secret, Target, Webhook, may_read, scopes_for

from .values import ALERT, CUSTOMER, DAY, NOW, cause, notification

FIRED = ActPart("fired", NOW - DAY, "ebbtide", "condition_held")
SEEN = ActPart("acknowledged", NOW, "ann")


def alert(*history: ActPart, **more: Any) -> AlertPart:
    """An alert with this history."""
    plain: dict[str, Any] = {
        "alert_id": ALERT,
        "rule_id": "no-purchase-90d",
        "customer_id": CUSTOMER,
        "condition": "firing",
        "severity": "warning",
        "fired_at": NOW - DAY,
        "evidence": EvidencePart(NOW - 91 * DAY),
        "history": history,
    }
    return AlertPart(**(plain | more))


def events(one: AlertPart, seen: int | None = 0, changed_at: datetime = NOW) -> list[Event]:
    return events_of_alert(one, seen=seen, changed_at=changed_at, default_owner="ada")


def webhook(**more: Any) -> Webhook:
    """Of everything, since a week."""
    plain: dict[str, Any] = {
        "webhook_id": "w",
        "principal_id": "ann",
        "host": "hooks.example.com",
        "sealed": b"",
        "description": None,
        "types": ("alert.*", "notification.*"),
        "filters": Filters(),
        "created_at": NOW - 7 * DAY,
    }
    return Webhook(**(plain | more))


def test_every_entry_of_the_history_is_an_event_however_many_snapshots_were_skipped() -> None:
    told = events(alert(FIRED, SEEN, ActPart("resolved", NOW, "ebbtide")))
    assert [event.type for event in told] == ["alert.fired", "alert.acknowledged", "alert.resolved"]
    assert [event.at for event in told] == [NOW - DAY, NOW, NOW]
    assert {event.recorded_at for event in told} == {NOW}
    assert all(event.about.owner == "ada" for event in told), "nobody's customer is the default owner's"


def test_what_was_seen_before_is_no_event_and_ids_stay() -> None:
    first, later = events(alert(FIRED)), events(alert(FIRED, SEEN), seen=1)
    assert [event.type for event in later] == ["alert.acknowledged"]
    assert events(alert(FIRED, SEEN))[0].event_id == first[0].event_id


def test_the_same_act_twice_at_the_same_instant_is_two_events() -> None:
    told = events(alert(FIRED, SEEN, SEEN))
    assert len({event.event_id for event in told}) == 3


def test_without_a_note_of_what_was_seen_acts_count_as_known_when_they_happened() -> None:
    """An alert stored by a release before this one, or a history that got shorter in a restored store."""
    for seen in (None, 5):
        told = events(alert(FIRED, SEEN), seen=seen, changed_at=NOW + DAY)
        assert [event.recorded_at for event in told] == [NOW - DAY, NOW]


def test_what_an_alert_took_over_was_told_of_the_other() -> None:
    """Wherever it stands: an alert that comes back has a history of its own before it."""
    taken_over = [replace(act, taken_over_from="before") for act in (FIRED, SEEN)]
    handover = ActPart("amended", NOW, "ebbtide", "start_moved")
    told = events(alert(*taken_over, handover, ActPart("resolved", NOW, "ebbtide"), succeeds="before"))
    assert [event.type for event in told] == ["alert.amended", "alert.resolved"]
    told = events(alert(FIRED, ActPart("retracted", NOW, "ebbtide"), *taken_over, handover), seen=1)
    assert [event.type for event in told] == ["alert.retracted", "alert.amended"]


def test_acts_that_are_not_known_yet_are_told_to_who_wants_all() -> None:
    [told] = events(alert(ActPart("escalated", NOW, "ebbtide")))
    assert webhook().wants(told)
    assert not webhook(types=("alert.fired",)).wants(told)


def test_a_notification_is_told_once_of_each_status_that_ends_or_holds_it() -> None:
    def told(before: str | None, status: str) -> Event | None:
        entry = notification(status=status)
        return event_of_notification(before, entry, cause(), now=NOW, default_owner="ada")

    assert told("planned", "sending") is None
    assert told("held", "held") is None
    held, again = told("planned", "held"), told("sending", "held")
    assert held is not None
    assert again is not None
    assert held.type == "notification.held"
    assert held.event_id == again.event_id
    assert held.about.severity == "warning"


def test_old_causes_are_stale_as_with_mail() -> None:
    [told] = events(alert(ActPart("fired", NOW - 8 * DAY, "ebbtide")))
    assert told.is_stale(NOW)
    assert not events(alert(FIRED))[0].is_stale(NOW)
    about = event_of_notification("sending", notification(status="sent"), cause(), now=NOW, default_owner="ada")
    assert about is not None
    assert not about.is_stale(NOW)


def test_what_was_known_before_the_subscription_is_not_told() -> None:
    """What happened before and became known after is."""
    [told] = events(alert(FIRED))
    assert webhook(created_at=NOW).wants(told)
    assert not webhook(created_at=NOW + DAY).wants(told)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (Filters(), True),
        (Filters(rule_ids=("other", "no-purchase-90d")), True),
        (Filters(rule_ids=("other",)), False),
        (Filters(severities=("critical",)), False),
        (Filters(owners=("ada",), severities=("warning",)), True),
        (Filters(owners=("lin",), severities=("warning",)), False),
        (Filters(customer_ids=(CUSTOMER,)), True),
        (Filters(customer_ids=(ALERT,)), False),
    ],
)
def test_filters_are_or_within_and_and_between(filters: Filters, wanted: bool) -> None:
    assert webhook(filters=filters).wants(events(alert(FIRED))[0]) is wanted


def test_scopes_follow_from_types() -> None:
    assert scopes_for(["alert.fired", "notification.*"]) == ["alerts:read", "notifications:read"]
    assert may_read(["alerts:read"], ["alert.*"])
    assert not may_read(["alerts:read"], ["alert.*", "notification.sent"])
    assert may_read(["admin"], EVENT_TYPES)


def test_after_a_rotation_two_secrets_sign_for_a_day_and_never_three() -> None:
    target = Target("https://x", (Secret("a"),)).rotated("b", NOW).rotated("c", NOW)
    assert target.signing(NOW) == ["c", "b"]
    assert target.signing(NOW + DAY) == ["c"]


def refused(**more: Any) -> Answer:
    return Answer(outcome=Outcome.REFUSED, seconds=0.1, status=500, **more)


def test_attempts_spread_over_a_day_and_then_end() -> None:
    waits = [judge(refused(), attempts=number, chance=0.0) for number in range(1, 9)]
    assert [verdict.due_in for verdict in waits] == [5, 300, 1800, 7200, 18000, 36000, 36000, None]
    assert waits[-1].status == "exhausted"
    assert sum(RETRY_SECONDS) > 24 * 3600
    assert judge(refused(), attempts=1, chance=0.5).due_in == pytest.approx(5.25)


def test_only_success_delivers_and_gone_ends_at_once() -> None:
    assert judge(Answer(outcome=Outcome.DELIVERED, seconds=1), attempts=1, chance=0).status == "delivered"
    assert judge(Answer(outcome=Outcome.GONE, seconds=1), attempts=1, chance=0).status == "exhausted"
    for outcome in set(Outcome) - {Outcome.DELIVERED, Outcome.GONE}:
        assert judge(Answer(outcome=outcome, seconds=1), attempts=1, chance=0).status == "pending"


def test_a_busy_receiver_is_believed_up_to_a_bound() -> None:
    assert judge(refused(retry_after=120.0), attempts=1, chance=0).due_in == 120
    assert judge(refused(retry_after=1.0), attempts=2, chance=0).due_in == 300
    assert judge(refused(retry_after=1e9), attempts=1, chance=0).due_in == MAX_RETRY_AFTER_SECONDS


def test_failures_and_slow_answers_strain() -> None:
    quick = Answer(outcome=Outcome.DELIVERED, seconds=0.2)
    assert not quick.strains
    assert replace(quick, seconds=10).strains
    assert refused().strains


def test_only_the_last_results_are_kept() -> None:
    delivery = Delivery(
        webhook_id="w",
        event_id="e",
        type="alert.fired",
        body=b"{}",
        status="pending",
        attempts=1,
        results=(),
        created_at=NOW,
    )
    for second in range(30):
        delivery = replace(delivery, results=delivery.noted(refused(), NOW.replace(second=second)))
    assert [result.at.second for result in delivery.results] == list(range(30 - KEPT_RESULTS, 30))
