"""`profiles.v1`: who the customer is now, and how it got there."""

from datetime import datetime
from typing import Literal

from shared.contracts.interaction import Anchor, Pii
from shared.contracts.record import Record

Lifecycle = Literal["prospect", "new", "active", "lapsing", "dormant", "churned", "won_back"]


class Attribute(Record, frozen=True, kw_only=True):
    """One stored attribute, with the source that said it and when."""

    value: str | int | float | bool
    source: str
    time: datetime


class Consent(Record, frozen=True, kw_only=True):
    """The last word on one channel and purpose."""

    granted: bool
    source: str
    time: datetime


class Owner(Record, frozen=True, kw_only=True):
    """The staff member who follows the customer up, and since when."""

    staff_id: str
    since: datetime


class Watermark(Record, frozen=True, kw_only=True):
    """Order key of the newest interaction folded in: `(time, source, id)`."""

    time: datetime
    source: str
    id: str


class Gap(Record, frozen=True, array_like=True):
    """A closed stretch of more than 7 days without a purchase (or any activity). Travels as an array, in this order.

    It began at `since` with the interaction `(reference, source, id)` and was ended by another one at `until`.
    `ordinal` counts the distinct days (UTC) with a purchase (an activity) up to and including the beginning. `quiet`:
    nothing else happened in it either. The last, still open stretch is not listed: it begins at
    `Aggregates.last_purchase_at` (`last_activity_at`).
    """

    since: datetime
    until: datetime
    ordinal: int
    quiet: bool
    reference: str
    source: str
    id: str

    @property
    def anchor(self) -> Anchor:
        """The interaction it began at."""
        return Anchor(reference=self.reference, source=self.source, id=self.id)


class Case(Record, frozen=True, kw_only=True):
    """A complaint with its opening and closing; `case` is the emitter's own number, if it gave one."""

    anchor: Anchor
    case: str | None = None
    opened_at: datetime
    answered_at: datetime | None = None
    resolved_at: datetime | None = None


class Survey(Record, frozen=True, kw_only=True):
    """An answered survey: `kind` is csat, nps or ces."""

    anchor: Anchor
    kind: str
    score: float
    answered_at: datetime


class LifecycleChange(Record, frozen=True, kw_only=True):
    """The customer entered `lifecycle` at `since`."""

    lifecycle: Lifecycle
    since: datetime


class History(Record, frozen=True, kw_only=True):
    """The bounded past that rules decide on: 24 months before the newest interaction, at most 200 entries a kind.

    No rule decides about what began before `since`. A quiet purchase gap is an activity gap too and is listed once:
    the stretches without any activity are `activity_gaps` and the quiet ones of `purchase_gaps`.
    """

    since: datetime
    purchase_gaps: tuple[Gap, ...] = ()
    activity_gaps: tuple[Gap, ...] = ()
    complaints: tuple[Case, ...] = ()
    surveys: tuple[Survey, ...] = ()
    lifecycle: tuple[LifecycleChange, ...] = ()


class Aggregates(Record, frozen=True, kw_only=True):
    """Counts and sums over all interactions. `spend` is currency to decimal string, refunds taken off."""

    interactions: int = 0
    activities: int = 0
    activity_days: int = 0
    first_activity_at: datetime | None = None
    last_activity_at: datetime | None = None
    last_activity: Anchor | None = None
    purchases: int = 0
    purchase_days: int = 0
    first_purchase_at: datetime | None = None
    last_purchase_at: datetime | None = None
    last_purchase: Anchor | None = None
    spend: dict[str, str] = {}
    refunds: int = 0
    open_complaints: int = 0


class Profile(Record, frozen=True, kw_only=True):
    """Everything known of one customer.

    `status` merged: `merged_into` is where it went, and all else is empty. `next_transition_at` is the instant at
    which the lifecycle changes by the passing of time alone.
    """

    customer_id: str
    status: Literal["active", "merged", "erased"] = "active"
    merged_into: str | None = None
    references: tuple[str, ...] = ()
    lifecycle: Lifecycle = "prospect"
    lifecycle_since: datetime | None = None
    value_tier: Literal["high", "mid", "low"] | None = None
    behaviour: Literal["one_time", "occasional", "frequent"] | None = None
    segments: tuple[str, ...] = ()
    attributes: dict[str, Attribute] = {}
    owner: Owner | None = None
    consent: dict[str, Consent] = {}
    locale: str | None = None
    zone: str | None = None
    aggregates: Aggregates = Aggregates()
    history: History
    watermark: Watermark | None = None
    policy: str = ""
    next_transition_at: datetime | None = None
    pii: Pii | None = None
