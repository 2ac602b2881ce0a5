"""What webhooks are told: one event for each entry of an alert's history and for each status of a notification.

Ids follow from what happened, so whatever is told again is told under the id it had.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.notify.domain.decisions import STALE_AFTER
from services.notify.domain.entities import Cause, Notification
from services.notify.domain.snapshots import AlertPart

_EVENTS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a07")
_SEPARATOR = "\x1f"
_TOLD = frozenset({"sent", "held", "dropped", "unknown", "failed"})


@dataclass(frozen=True, slots=True)
class About:
    """What filters look at. `owner` is who follows the customer up, the default owner included."""

    rule_id: str
    severity: str
    owner: str
    customer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened `at` an instant and was known at `recorded_at`; both business time.

    `cause_at` decides whether it is too old to be told.
    """

    event_id: str
    type: str
    at: datetime
    cause_at: datetime
    recorded_at: datetime
    about: About

    def is_stale(self, now: datetime) -> bool:
        """As with mail: an imported history must not flood anybody."""
        return now - self.cause_at > STALE_AFTER


def events_of_alert(alert: AlertPart, *, seen: int | None, changed_at: datetime, default_owner: str) -> list[Event]:
    """One event for each entry of the history beyond the first `seen`; `changed_at` is the instant of the snapshot.

    With `seen` unknown (None) every entry gives one, known since it happened. What an alert took over from another was
    told of that one.
    """
    about = About(alert.rule_id, alert.severity, alert.owner or default_owner, alert.customer_id)
    known = seen if seen is not None and seen <= len(alert.history) else None
    times: Counter[tuple[str, ...]] = Counter()
    events = []
    for index, act in enumerate(alert.history):
        what = (act.act, act.at.isoformat(), act.by)
        times[what] += 1
        if index >= (known or 0) and act.taken_over_from is None:
            events.append(
                Event(
                    event_id=_id("alert", alert.alert_id, *what, str(times[what])),
                    type=f"alert.{act.act}",
                    at=act.at,
                    cause_at=act.at,
                    recorded_at=changed_at if known is not None else act.at,
                    about=about,
                )
            )
    return events


def event_of_notification(
    before: str | None, notification: Notification, cause: Cause, *, now: datetime, default_owner: str
) -> Event | None:
    """The event of a status that was `before` something else; None when nobody is told of it.

    A notification is told at most once of each status.
    """
    if notification.status not in _TOLD or notification.status == before:
        return None
    return Event(
        event_id=_id("notification", notification.notification_id, notification.status),
        type=f"notification.{notification.status}",
        at=now,
        cause_at=notification.cause_at,
        recorded_at=now,
        about=About(cause.rule_id, cause.severity, cause.owner or default_owner, cause.customer_id),
    )


def _id(*parts: str) -> str:
    return str(uuid5(_EVENTS, _SEPARATOR.join(parts)))
