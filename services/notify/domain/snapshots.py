"""The parts of profiles and alerts that notifications depend on, under the contracts' field names.

Records are decoded straight into these; what is not named here is never read.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.notify.domain.entities import Cause, Condition


@dataclass(frozen=True, slots=True)
class SealedPart:
    """Personal data as it travels; opened by `shared.pii` alone."""

    value: dict[str, Any]
    alg: str = "none"
    kid: str | None = None


@dataclass(frozen=True, slots=True)
class OwnerPart:
    """The account owner."""

    staff_id: str


@dataclass(frozen=True, slots=True)
class ConsentPart:
    """The last word on one channel and purpose."""

    granted: bool
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePart:
    """How the customer can be reached, and who follows them up."""

    customer_id: str
    status: Literal["active", "merged", "erased"] = "active"
    merged_into: str | None = None
    references: tuple[str, ...] = ()
    owner: OwnerPart | None = None
    consent: dict[str, ConsentPart] = field(default_factory=dict)
    locale: str | None = None
    zone: str | None = None
    pii: SealedPart | None = None


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """Since when, and the facts."""

    since: datetime
    facts: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActPart:
    """One entry of the alert's history."""

    act: str
    at: datetime
    by: str = ""
    reason: str | None = None
    taken_over_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPart:
    """What is told, and to whom."""

    alert_id: str
    rule_id: str
    customer_id: str
    condition: Condition
    severity: str
    fired_at: datetime
    resolved_at: datetime | None = None
    owner: str | None = None
    notify: tuple[str, ...] = ()
    evidence: EvidencePart
    announce: bool = True
    succeeds: str | None = None
    succeeded_by: str | None = None
    history: tuple[ActPart, ...] = ()
    cause_version: int = 0


def cause_of(alert: AlertPart, changed_at: datetime) -> Cause:
    """The alert as a cause of notifications; `changed_at` is the instant of its snapshot."""
    closed_at = alert.resolved_at
    if alert.condition == "retracted":
        closed_at = next((entry.at for entry in reversed(alert.history) if entry.act == "retracted"), changed_at)
    return Cause(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        customer_id=alert.customer_id,
        condition=alert.condition,
        severity=alert.severity,
        fired_at=alert.fired_at,
        since=alert.evidence.since,
        closed_at=closed_at,
        notify=alert.notify,
        facts=alert.evidence.facts,
        owner=alert.owner,
        announce=alert.announce,
        succeeds=alert.succeeds,
        succeeded_by=alert.succeeded_by,
        cause_version=alert.cause_version,
    )
