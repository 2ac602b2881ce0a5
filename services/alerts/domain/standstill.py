"""The alert about ourselves: what was accepted does not arrive, so silence cannot be told from delay."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.alerts.domain.entities import EBBTIDE, Act, Alert, Anchor, Evidence

RULE_ID = "ebbtide-standstill"
REFERENCE = "ebbtide:itself"

AFTER = timedelta(minutes=5)
"""Real time without any progress. Rules about silence decide nothing meanwhile: whether it holds is unknown."""


def anchor_of(settled_at: datetime) -> Anchor:
    """One alert for each instant at which everything came to a stand, whichever replica notices."""
    return Anchor(REFERENCE, EBBTIDE, settled_at.isoformat())


def standstill(alert_id: str, customer_id: str, *, settled_at: datetime, now: datetime, rules_version: str) -> Alert:
    """Nothing accepted after `settled_at` is known to have arrived. `customer_id` is that of REFERENCE."""
    return Alert(
        alert_id=alert_id,
        rule_id=RULE_ID,
        rules_version=rules_version,
        customer_id=customer_id,
        condition="firing",
        handling="open",
        severity="critical",
        fired_at=now,
        notify=("owner",),
        evidence=Evidence(anchor_of(settled_at), settled_at, {"standstill": "settled"}),
        history=(Act("fired", now, EBBTIDE, "standstill"),),
    )


def moving_again(alert: Alert, now: datetime) -> Alert:
    """It goes on."""
    act = Act("resolved", now, EBBTIDE, "condition_ended")
    return replace(
        alert,
        condition="resolved",
        handling="closed",
        handled_until=None,
        resolved_at=now,
        history=(*alert.history, act),
    )
