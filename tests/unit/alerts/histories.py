"""Histories of customers as profiles and scoring would tell them, and a store of alerts in a dict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.alerts.domain.decide import Decision, decide
from services.alerts.domain.entities import Alert, Anchor, Band, Case, History, Silence, Subject
from services.alerts.domain.rules import Rule, parse_rules
from services.alerts.domain.rulings import Ruling
from tests.support.builders import day

CUSTOMER = "00000000-0000-5000-8000-000000000001"
LONG_AGO = day(-700)


def rule(**changes: Any) -> Rule:
    """One rule; by default more than 90 days without a purchase."""
    plain: dict[str, Any] = {
        "id": "no-purchase-90d",
        "when": {"absent": "customer.purchase", "longer_than": "90d"},
        "severity": "warning",
        "notify": ["owner"],
    }
    return parse_rules({"rules": [{**plain, **changes}]}).rules[0]


def anchor(name: object, reference: str = "shop:1") -> Anchor:
    return Anchor(reference, "shop", str(name))


def silences(purchases: Iterable[datetime], reference: str = "shop:1") -> tuple[Silence, ...]:
    """The stretches between purchases longer than 7 days, and the one after the last."""
    at = sorted(set(purchases))
    days = [len({one.date() for one in at[: place + 1]}) for place in range(len(at))]
    closed = [
        Silence(since, until, ordinal, True, reference, "shop", since.isoformat())
        for since, until, ordinal in zip(at, at[1:], days, strict=False)
        if until - since > timedelta(days=7)
    ]
    if not at:
        return ()
    return (*closed, Silence(at[-1], None, days[-1], False, reference, "shop", at[-1].isoformat()))


def purchased(*purchases: datetime, since: datetime = LONG_AGO) -> History:
    return History(since=since, silences={"customer.purchase": silences(purchases)})


def complained(opened: datetime, *, answered: datetime | None = None, resolved: datetime | None = None) -> History:
    case = Case(anchor=anchor("complaint"), opened_at=opened, answered_at=answered, resolved_at=resolved)
    return History(since=LONG_AGO, complaints=(case,))


def stood(*bands: tuple[str, datetime, datetime | None]) -> History:
    """Bands of churn risk."""
    spells = tuple(Band(anchor=anchor(since), band=band, since=since, until=until) for band, since, until in bands)
    return History(since=LONG_AGO, bands={"churn_risk": spells})


@dataclass
class Book:
    """Alerts of one customer, brought in line with one history after another."""

    ruling: Ruling = field(default_factory=lambda: Ruling(rule(), "v1", versions=frozenset({"v1"})))
    alerts: dict[str, Alert] = field(default_factory=dict)
    version: int = 0
    # None: everything is settled.
    settled_at: datetime | None = None

    def decide(self, history: History, now: datetime, **subject: Any) -> list[Decision]:
        """Decide, carry out, and make sure that deciding again changes nothing."""
        self.version += 1
        decisions = self._decide(history, now, subject)
        self.alerts.update({decision.alert.alert_id: decision.alert for decision in decisions})
        assert self._decide(history, now, subject) == []
        return decisions

    def one(self) -> Alert:
        (alert,) = self.valid().values()
        return alert

    def valid(self) -> dict[str, Alert]:
        return {alert_id: alert for alert_id, alert in self.alerts.items() if alert.condition != "retracted"}

    def _decide(self, history: History, now: datetime, changes: Mapping[str, Any]) -> list[Decision]:
        told = {"customer_id": CUSTOMER, "version": self.version, "profile_version": 1, **changes}
        subject = Subject(**told, history=history)
        alerts = {alert.evidence.anchor: alert for alert in self.alerts.values()}
        return decide(self.ruling, subject, alerts, now, settled_at=self.settled_at or now, identify=identify).decisions


def identify(rule_id: str, anchor: Anchor) -> str:
    return f"{rule_id}/{anchor.reference}/{anchor.id}"


def facts_of(alert: Alert) -> tuple[Any, ...]:
    """What must not depend on the order of arrival."""
    return (
        alert.alert_id,
        alert.customer_id,
        alert.condition,
        alert.fired_at,
        alert.resolved_at,
        alert.evidence,
        alert.outcome,
        alert.owner,
        alert.severity,
    )
