"""`scores.v1`: how the customer is doing, and when that changes."""

from datetime import datetime
from typing import Literal

from shared.contracts.interaction import Anchor
from shared.contracts.record import Record


class Contribution(Record, frozen=True, kw_only=True):
    """One summand of a score: the points `factor` gave, and the evidence in a few words."""

    factor: str
    points: float
    evidence: str


class Model(Record, frozen=True, kw_only=True):
    """Which model gave the value."""

    name: str
    version: str


class BandSpell(Record, frozen=True, kw_only=True):
    """A stretch in which the score stood in `band`. `until` is null while it lasts.

    `anchor` is the interaction whose passing made it begin (for churn risk: the last purchase before it).
    """

    band: str
    since: datetime
    until: datetime | None = None
    anchor: Anchor


class KindScore(Record, frozen=True, kw_only=True):
    """One kind of score. The contributions add up to `value`; without a value, `reason` says why not.

    `bands` are the stretches outside the lowest band, oldest first, that reach beyond `Score.history_since`; where none
    is listed the score stood in the lowest. What a kind does not have is left out on the wire.
    """

    value: float | None
    reason: str | None = None
    scale: Literal["index", "probability", "days", "count", "money"]
    band: str | None = None
    contributions: tuple[Contribution, ...] = ()
    model: Model
    as_of: datetime
    next_transition_at: datetime | None = None
    bands: tuple[BandSpell, ...] = ()


class Score(Record, frozen=True, kw_only=True):
    """All scores of one customer by kind, with the classes that score rules filter on.

    `profile_version` is the version of the profile they were computed from.
    """

    customer_id: str
    status: Literal["active", "merged", "erased"] = "active"
    profile_version: int
    lifecycle: str
    value_tier: str | None = None
    behaviour: str | None = None
    segments: tuple[str, ...] = ()
    owner: str | None = None
    history_since: datetime
    kinds: dict[str, KindScore] = {}
    next_transition_at: datetime | None = None
