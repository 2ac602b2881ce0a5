"""What a score is computed from, and what it is.

Nothing changes these values after they are made. The inputs are slotted and not frozen, the results typed dictionaries
in the field names of `shared.contracts.score` (so they travel without a conversion; a test holds both equal), because a
batch makes tens of thousands of them and a frozen dataclass costs four times as much to make and to encode.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, NotRequired, TypedDict

Status = Literal["active", "merged", "erased"]
Scale = Literal["index", "probability", "days", "count", "money"]


class Anchor(TypedDict):
    """The identity of an interaction: where a spell began."""

    reference: str
    source: str
    id: str


@dataclass(slots=True)
class PurchaseGap:
    """A stretch without a purchase, from its anchor to the next purchase (`until` None: still open).

    `ordinal` counts the distinct days (UTC) with a purchase up to and including the anchor.
    """

    anchor: Anchor
    since: datetime
    until: datetime | None
    ordinal: int


@dataclass(slots=True)
class Inputs:
    """All that scores are computed from, so that they can be computed again at any later instant.

    `purchase_gaps` are closed, oldest first, and at least those long enough to move a band (`scores.SHORTEST_GAP`);
    the open one begins at `last_purchase_at`. `spend` is currency to decimal string.
    """

    customer_id: str
    lifecycle: str
    history_since: datetime
    status: Status = "active"
    value_tier: str | None = None
    behaviour: str | None = None
    segments: tuple[str, ...] = ()
    owner: str | None = None
    last_purchase_at: datetime | None = None
    last_purchase: Anchor | None = None
    purchases: int = 0
    purchase_days: int = 0
    spend: dict[str, str] = field(default_factory=dict)
    last_activity_at: datetime | None = None
    purchase_gaps: tuple[PurchaseGap, ...] = ()


class Contribution(TypedDict):
    """One summand of a score; `evidence` is `code=number`, which needs no translation."""

    factor: str
    points: float
    evidence: str


class Model(TypedDict):
    """Which model gave the value."""

    name: str
    version: str


class BandSpell(TypedDict):
    """A stretch in which a score stood in `band`; `until` is None while it lasts."""

    band: str
    since: datetime
    until: datetime | None
    anchor: Anchor


class KindScore(TypedDict):
    """One kind of score. The contributions add up to `value`; without a value, `reason` says why not."""

    value: float | None
    reason: NotRequired[str]
    scale: Scale
    band: NotRequired[str]
    contributions: NotRequired[tuple[Contribution, ...]]
    model: Model
    as_of: datetime
    next_transition_at: NotRequired[datetime | None]
    bands: NotRequired[list[BandSpell]]


class Score(TypedDict):
    """All scores of one customer by kind, with the classes that score rules filter on."""

    customer_id: str
    status: Status
    profile_version: int
    lifecycle: str
    value_tier: str | None
    behaviour: str | None
    segments: tuple[str, ...]
    owner: str | None
    history_since: datetime
    kinds: dict[str, KindScore]
    next_transition_at: datetime | None


class Scorer(NamedTuple):
    """A model: its score at an instant, and the next instant after that at which its band changes by time alone.

    To swap a model is to put another pair in its place. The score's own `next_transition_at` is that of the second.
    """

    evaluate: Callable[[Inputs, datetime], KindScore]
    next_transition: Callable[[Inputs, datetime], datetime | None]
