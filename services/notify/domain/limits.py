"""Small values that the store answers with."""

from dataclasses import dataclass
from datetime import datetime

from services.notify.domain.entities import Status


@dataclass(frozen=True, slots=True)
class Limits:
    """What keeps mail from a customer: the last unsubscription and the last win-back, of all merged into one."""

    unsubscribed_at: datetime | None = None
    last_win_back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """How much of an alert is known: the version of its snapshot, and the length of its history (None: not noted)."""

    version: int
    acts: int | None


@dataclass(frozen=True, slots=True)
class Firing:
    """A notification about a firing: to whom it goes or went, and how it stands."""

    notification_id: str
    step: str
    recipient: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFilter:
    """What a list is narrowed to; None does not narrow. `since`: causes at or after it."""

    alert_id: str | None = None
    customer_id: str | None = None
    status: Status | None = None
    reason: str | None = None
    since: datetime | None = None
