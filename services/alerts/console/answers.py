"""The parts of other services' answers that people see, under the contracts' field names.

Codes are plain strings here: one of a later version is shown as it is, instead of making the whole answer unreadable.
"""

from datetime import datetime
from typing import Any

import msgspec


class Sealed(msgspec.Struct):
    """Personal data as it travels; opened by `shared.pii` alone."""

    value: dict[str, Any]
    alg: Any = "none"
    kid: str | None = None


class Attributed(msgspec.Struct):
    """An attribute of a customer."""

    value: str | int | float | bool


class Granted(msgspec.Struct):
    """The last word on one channel and purpose."""

    granted: bool


class OwnedBy(msgspec.Struct):
    """The account owner."""

    staff_id: str
    since: datetime


class Sums(msgspec.Struct):
    """Counts and sums over all interactions."""

    interactions: int = 0
    last_activity_at: datetime | None = None
    purchases: int = 0
    purchase_days: int = 0
    last_purchase_at: datetime | None = None
    spend: dict[str, str] = {}
    refunds: int = 0
    open_complaints: int = 0


class ProfileAnswer(msgspec.Struct):
    """Who the customer is."""

    customer_id: str
    status: str = "active"
    merged_into: str | None = None
    lifecycle: str = "prospect"
    lifecycle_since: datetime | None = None
    value_tier: str | None = None
    behaviour: str | None = None
    segments: tuple[str, ...] = ()
    attributes: dict[str, Attributed] = {}
    owner: OwnedBy | None = None
    consent: dict[str, Granted] = {}
    locale: str | None = None
    zone: str | None = None
    aggregates: Sums = msgspec.field(default_factory=Sums)
    pii: Sealed | None = None


class Happened(msgspec.Struct):
    """One interaction."""

    type: str
    source: str
    time: datetime
    data: dict[str, Any] = {}
    pii: Sealed | None = None


class TimelineAnswer(msgspec.Struct):
    """The newest interactions, newest first."""

    items: tuple[Happened, ...]
    next_cursor: str | None = None


class Summand(msgspec.Struct):
    """One contribution to a score."""

    factor: str
    points: float
    evidence: str = ""


class Kind(msgspec.Struct):
    """One kind of score."""

    value: float | None
    scale: str
    reason: str | None = None
    band: str | None = None
    contributions: tuple[Summand, ...] = ()


class ScoresAnswer(msgspec.Struct):
    """How the customer is doing."""

    customer_id: str
    status: str = "active"
    kinds: dict[str, Kind] = {}


class Told(msgspec.Struct):
    """One notification."""

    alert_id: str
    transition: str
    recipient: str
    channel: str
    status: str
    cause_at: datetime
    reason: str | None = None
    held_until: datetime | None = None
    sent_at: datetime | None = None


class NotificationsAnswer(msgspec.Struct):
    """The newest notifications, newest cause first."""

    items: tuple[Told, ...]
    next_cursor: str | None = None
