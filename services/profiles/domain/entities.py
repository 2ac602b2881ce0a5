"""The customer as this service keeps and publishes it, and what it needs of an interaction.

Names, order and shape are those of `shared.contracts.Profile`, so that a customer is read from and written to the
wire without a conversion; a test holds the two schemas equal. Mutable on purpose: the fold works in place. The
entries of the history are typed dicts: a customer has dozens, and they are read, made and written twice as fast.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

Lifecycle = Literal["prospect", "new", "active", "lapsing", "dormant", "churned", "won_back"]
ValueTier = Literal["high", "mid", "low"]
Behaviour = Literal["one_time", "occasional", "frequent"]

# Where the history of a customer without a single interaction begins.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Readable(Protocol):
    """Personal data that has been opened: `value` can be read."""

    @property
    def value(self) -> Mapping[str, Any]: ...


class Fact(Protocol):
    """What the fold needs of an interaction. A contract `Interaction` is one, without a conversion."""

    @property
    def subject(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def pii(self) -> Readable | None: ...


@dataclass(slots=True)
class Pii:
    """The only place of personal data: field to `{value, source, time}`."""

    alg: Literal["none"] = "none"
    kid: str | None = None
    value: dict[str, Any] = field(kw_only=True)


class Anchor(TypedDict):
    """The identity of an interaction. Shared between entries, so never changed once made."""

    reference: str
    source: str
    id: str


@dataclass(slots=True)
class Attribute:
    """One stored attribute, with the source that said it and when."""

    value: str | int | float | bool
    source: str
    time: datetime


@dataclass(slots=True)
class Consent:
    """The last word on one channel and purpose."""

    granted: bool
    source: str
    time: datetime


@dataclass(slots=True)
class Owner:
    """The staff member who follows the customer up, and since when."""

    staff_id: str
    since: datetime


@dataclass(slots=True)
class Watermark:
    """Order key of the newest interaction folded in."""

    time: datetime
    source: str
    id: str


class Gap(NamedTuple):
    """A closed stretch of more than 7 days without a purchase (or any activity); an array on the wire.

    It began at `since` with the interaction `(reference, source, id)`. `ordinal`: distinct days (UTC) with a purchase
    (an activity) up to and including that one. `quiet`: nothing else happened in it either.
    """

    since: datetime
    until: datetime
    ordinal: int
    quiet: bool
    reference: str
    source: str
    id: str


class Case(TypedDict):
    """A complaint with its opening and closing; `case` is the emitter's own number, if it gave one."""

    anchor: Anchor
    case: str | None
    opened_at: datetime
    answered_at: datetime | None
    resolved_at: datetime | None


class Survey(TypedDict):
    """An answered survey: `kind` is csat, nps or ces."""

    anchor: Anchor
    kind: str
    score: float
    answered_at: datetime


class LifecycleChange(TypedDict):
    """The customer entered `lifecycle` at `since`."""

    lifecycle: Lifecycle
    since: datetime


@dataclass(slots=True)
class History:
    """The bounded past that rules decide on; what is kept is said in `history.py`.

    No rule decides about what began before `since`: the first interaction, or where the history was cut. An entry
    that began before and ended after the cut is still listed, so that what it caused can be closed.
    """

    since: datetime
    purchase_gaps: list[Gap] = field(default_factory=list)
    activity_gaps: list[Gap] = field(default_factory=list)
    complaints: list[Case] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    lifecycle: list[LifecycleChange] = field(default_factory=list)

    def drop_gaps_ended_before(self, cut: datetime) -> None:
        """Gaps follow one another, so the first to stay keeps all after it."""
        for gaps in (self.purchase_gaps, self.activity_gaps):
            while gaps and self.end_of(gaps[0]) < cut:
                del gaps[0]

    def end_of(self, gap: Gap) -> datetime:
        """When a gap ended."""
        return gap.until


@dataclass(slots=True)
class Aggregates:
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
    spend: dict[str, str] = field(default_factory=dict)
    refunds: int = 0
    open_complaints: int = 0


@dataclass(slots=True, kw_only=True)
class Customer:
    """Everything known of one customer.

    `status` merged: `merged_into` is where it went, and all else is empty. `next_transition_at` is the instant after
    which the lifecycle is another one, if nothing happens until then.
    """

    customer_id: str
    status: Literal["active", "merged", "erased"] = "active"
    merged_into: str | None = None
    references: list[str] = field(default_factory=list)
    lifecycle: Lifecycle = "prospect"
    lifecycle_since: datetime | None = None
    value_tier: ValueTier | None = None
    behaviour: Behaviour | None = None
    segments: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    owner: Owner | None = None
    consent: dict[str, Consent] = field(default_factory=dict)
    locale: str | None = None
    zone: str | None = None
    aggregates: Aggregates = field(default_factory=Aggregates)
    history: History
    watermark: Watermark | None = None
    policy: str = ""
    next_transition_at: datetime | None = None
    pii: Pii | None = None


def new_customer(customer_id: str, references: Iterable[str]) -> Customer:
    """A customer of whom nothing has been folded in yet."""
    return Customer(customer_id=customer_id, references=sorted(references), history=History(BEGINNING))
