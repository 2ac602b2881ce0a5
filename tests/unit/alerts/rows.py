"""Alerts as the live page gets them from its store."""

from datetime import datetime
from typing import Any

from services.alerts.console.rendering import Renderer
from services.alerts.console.sessions import Session
from services.alerts.console.store import Customer, Row
from services.alerts.console.viewer import Viewer, zone_of
from services.alerts.domain.entities import Act, Alert, Anchor, Evidence, Sealed
from shared.contracts import Principal
from shared.contracts.access import Scope
from tests.support.builders import day

ALERT_ID = "00000000-0000-4000-8000-000000000001"
NOW = day(100)
PURCHASE_FACTS: dict[str, str | int | float] = {"absent": "customer.purchase", "days": 90, "ordinal": 3}


def alert(*, facts: dict[str, Any] | None = None, reference: str = "shop:1", **changes: Any) -> Alert:
    """One alert; by default of a customer who has not bought for 90 days."""
    plain: dict[str, Any] = {
        "alert_id": ALERT_ID,
        "rule_id": "no-purchase-90d",
        "rules_version": "v1",
        "customer_id": "00000000-0000-5000-8000-000000000001",
        "condition": "firing",
        "handling": "open",
        "severity": "warning",
        "fired_at": day(90),
        "owner": "ann",
        "evidence": Evidence(Anchor(reference, "shop", "o1"), day(0), PURCHASE_FACTS if facts is None else facts),
        "history": (Act("fired", day(90), "ebbtide", "condition_held"),),
    }
    return Alert(**{**plain, **changes})


def acted(act: Any, *, until: datetime | None = None, said: str | None = None, by: str = "p1") -> Act:
    """An act of a person."""
    return Act(act, day(99), by, until=until, pii=Sealed({"comment": said}) if said else None)


def row(one: Alert, *, version: int = 7, tier: str | None = "high", references: tuple[str, ...] = ("shop:1",)) -> Row:
    return Row(one, version, Customer(references, tier))


def session(*scopes: Scope) -> Session:
    return Session(b"hash", "k1", Principal(principal_id="p1", name="Ann", kind="person", scopes=scopes))


def viewer(renderer: Renderer, locale: str = "en", *scopes: Scope, zone: str = "UTC") -> Viewer:
    return Viewer(texts=renderer.texts[locale], zone=zone_of(zone), theme=None, session=session(*scopes))
