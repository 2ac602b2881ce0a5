"""What rules look at (`Subject`, `History`) and what comes of it (`Alert`), in the words of the glossary.

`Alert`, `Act`, `Evidence`, `Anchor` and `Sealed` have the fields of their contracts, so they travel as they are;
a test holds both schemas equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Condition = Literal["firing", "resolved", "retracted"]
Handling = Literal["open", "acknowledged", "snoozed", "closed"]
Severity = Literal["critical", "warning", "info"]
Told = Literal["owner", "customer"]
Happening = Literal[
    "fired", "resolved", "retracted", "amended", "acknowledged", "snoozed", "reopened", "closed", "commented"
]
AlertOutcome = Literal["retained", "churned", "false_alarm"]
Status = Literal["active", "merged", "erased"]

EBBTIDE = "ebbtide"
"""Who did what followed from interactions and time alone."""


@dataclass(slots=True, unsafe_hash=True)
class Anchor:
    """The interaction at which a spell began. Never changed, and hashable; see `Alert` for why it is not frozen."""

    reference: str
    source: str
    id: str


class Silence(NamedTuple):
    """A stretch without a purchase (or any activity); `until` is null for the one that still lasts.

    It began with the interaction `(reference, source, id)`. `ordinal` counts the days with a purchase up to and
    including that one; it says nothing about other activity. `quiet`: nothing else happened in it either. Travels as an
    array in this order, as the contract's `Gap`.
    """

    since: datetime
    until: datetime | None
    ordinal: int
    quiet: bool
    reference: str
    source: str
    id: str

    @property
    def anchor(self) -> Anchor:
        """The interaction it began at."""
        return Anchor(self.reference, self.source, self.id)


@dataclass(slots=True, kw_only=True)
class Case:
    """A complaint, with the emitter's own number if it gave one."""

    anchor: Anchor
    case: str | None = None
    opened_at: datetime
    answered_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Band:
    """A stretch in which a score stood in one band; `until` is null while it does."""

    anchor: Anchor
    band: str
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class History:
    """The past that rules decide on. No rule decides about what began before `since`. Never changed; see `Alert`.

    `silences` is keyed by what was absent (`customer.purchase` or `activity`), `bands` by kind of score.
    """

    since: datetime
    silences: Mapping[str, tuple[Silence, ...]] = field(default_factory=dict)
    complaints: tuple[Case, ...] = ()
    bands: Mapping[str, tuple[Band, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Subject:
    """The newest snapshot of one customer, as far as rules look at it. Never changed; see `Alert`.

    `version` is that of the snapshot, `profile_version` that of the profile behind it. Alerts belong to whoever holds
    the reference of their anchor, so `references` says which alerts are this customer's to decide: that makes merges
    independent of the order of arrival. Scores know no references; see `handlers`. No rule looks at `value_tier`: it is
    what people see of a customer besides. `newest_at` is the latest instant of which the snapshot knows something.
    """

    customer_id: str
    version: int
    profile_version: int
    history: History
    references: tuple[str, ...] = ()
    status: Status = "active"
    merged_into: str | None = None
    owner: str | None = None
    correlationid: str = ""
    value_tier: str | None = None
    newest_at: datetime | None = None

    def known_at(self, settled_at: datetime, now: datetime) -> datetime:
        """Up to when silence of this customer is known to be silence: what came from them ends it like the rest."""
        return min(now, max(settled_at, self.newest_at)) if self.newest_at is not None else min(now, settled_at)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Free text of people: it travels like every other personal datum."""

    value: dict[str, Any]
    alg: Literal["none"] = "none"
    kid: str | None = None


@dataclass(slots=True)
class Act:
    """One entry of an alert's history; it happened to `taken_over_from`, where that is not this alert."""

    act: Happening
    at: datetime
    by: str
    reason: str | None = None
    until: datetime | None = None
    pii: Sealed | None = None
    taken_over_from: str | None = None


@dataclass(slots=True)
class Evidence:
    """Why the alert is there."""

    anchor: Anchor
    since: datetime
    facts: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Alert:
    """What Ebbtide makes of a spell; see `shared.contracts.Alert` for each field.

    Nothing changes one after it is made. It is not frozen because that triples the cost of making tens of thousands.
    """

    alert_id: str
    rule_id: str
    rules_version: str
    customer_id: str
    condition: Condition
    handling: Handling
    severity: Severity
    fired_at: datetime
    resolved_at: datetime | None = None
    handled_until: datetime | None = None
    owner: str | None = None
    notify: tuple[Told, ...] = ()
    evidence: Evidence
    outcome: AlertOutcome | None = None
    announce: bool = True
    succeeds: str | None = None
    succeeded_by: str | None = None
    history: tuple[Act, ...] = ()
    cause_version: int = 0

    @property
    def closed_by_hand(self) -> bool:
        """Somebody closed it while its condition held."""
        return any(act.act == "closed" for act in self.history)
