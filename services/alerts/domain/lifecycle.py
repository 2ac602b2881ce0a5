"""What people do to an alert, and what becomes of their promises when the time is up."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.alerts.domain.entities import EBBTIDE, Act, Alert, AlertOutcome, Sealed

Refused = Literal["already_closed", "condition_ended", "until_passed", "too_many_comments"]

# An alert travels whole, so what it carries has an end.
MOST_COMMENTS = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """The act makes no sense now. `code` is stable, `detail` is one sentence for people."""

    code: Refused
    detail: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, when, and what they say about it (sealed: it is free text)."""

    principal_id: str
    at: datetime
    comment: Sealed | None = None


def acknowledge(alert: Alert, actor: Actor, until: datetime) -> Alert | Refusal:
    """Somebody promises to see to it by `until`. A later promise replaces an earlier one."""
    return _refusal(alert, actor, until) or _handled(alert, actor, "acknowledged", until)


def snooze(alert: Alert, actor: Actor, until: datetime) -> Alert | Refusal:
    """Nobody wants to hear of it before `until`."""
    return _refusal(alert, actor, until) or _handled(alert, actor, "snoozed", until)


def close(alert: Alert, actor: Actor, outcome: AlertOutcome | None) -> Alert | Refusal:
    """People are done with it. The condition goes on by itself: that it ends later is only recorded."""
    refusal = _refusal(alert, actor, None)
    if refusal is not None:
        return refusal
    act = Act("closed", actor.at, actor.principal_id, "by_hand", pii=actor.comment)
    return replace(
        alert, handling="closed", handled_until=None, outcome=outcome or alert.outcome, history=(*alert.history, act)
    )


def comment(alert: Alert, actor: Actor) -> Alert | Refusal:
    """Somebody says something about it. Changes nothing else, and is possible after it ended as well."""
    if sum(act.act == "commented" for act in alert.history) >= MOST_COMMENTS:
        return Refusal("too_many_comments", f"The alert has {MOST_COMMENTS} comments; it holds no more.")
    act = Act("commented", actor.at, actor.principal_id, pii=actor.comment)
    return replace(alert, history=(*alert.history, act))


def reopen_due(alert: Alert, now: datetime) -> Alert | None:
    """The alert open again when a promise or a snooze ran out while it fires; None when there is nothing to do."""
    if alert.handled_until is None or alert.handled_until > now:
        return None
    reason = "promise_passed" if alert.handling == "acknowledged" else "snooze_over"
    act = Act("reopened", alert.handled_until, EBBTIDE, reason)
    return replace(alert, handling="open", handled_until=None, history=(*alert.history, act))


def _refusal(alert: Alert, actor: Actor, until: datetime | None) -> Refusal | None:
    if alert.condition != "firing":
        return Refusal("condition_ended", f"The alert is {alert.condition} already; there is nothing left to handle.")
    if alert.handling == "closed":
        return Refusal("already_closed", "Somebody has closed the alert already.")
    if until is not None and until <= actor.at:
        return Refusal("until_passed", "until must lie in the future.")
    return None


def _handled(alert: Alert, actor: Actor, handling: Literal["acknowledged", "snoozed"], until: datetime) -> Alert:
    act = Act(handling, actor.at, actor.principal_id, until=until, pii=actor.comment)
    return replace(alert, handling=handling, handled_until=until, history=(*alert.history, act))
