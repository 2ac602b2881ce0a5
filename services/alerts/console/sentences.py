"""Alerts in sentences: why one is there, how it is handled, how old it is."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.alerts.console.texts import Texts
from services.alerts.domain.entities import Act, Alert

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def evidence_sentence(alert: Alert, texts: Texts, zone: ZoneInfo) -> str:
    """Why the alert is there. True at any time, whether or not the condition still holds."""
    facts, since = alert.evidence.facts, alert.evidence.since.astimezone(zone).strftime("%Y-%m-%d")
    if "absent" in facts:
        days = f"{facts.get('days', 0):g}" if isinstance(facts.get("days"), int | float) else "?"
        if facts["absent"] != "customer.purchase":
            return texts("evidence.no_activity", days=days, date=since)
        key = "evidence.no_purchase_counted" if "ordinal" in facts else "evidence.no_purchase"
        return texts(key, days=days, date=since, ordinal=facts.get("ordinal"))
    if "score" in facts:
        score = texts.code("score", str(facts["score"]))
        return texts("evidence.score", score=score, band=texts.code("band", str(facts.get("band"))), date=since)
    if facts.get("event") == "customer.complaint.opened":
        key = "evidence.complaint_case" if "case" in facts else "evidence.complaint"
        return texts(key, date=since, case=facts.get("case"))
    if "standstill" in facts:
        return texts("evidence.standstill", at=alert.evidence.since.astimezone(zone).strftime("%Y-%m-%d %H:%M"))
    told = ", ".join(f"{name} {value}" for name, value in sorted(facts.items()))
    return texts("evidence.other", facts=told, date=since)


def handling_sentence(alert: Alert, texts: Texts, *, by: str | None, until: str | None) -> str:
    """How people handle it: `by` is whom they know the last act's author as, `until` an instant in their zone."""
    if alert.condition != "firing":
        return texts.code("condition", alert.condition)
    last = next((act for act in reversed(alert.history) if act.act != "commented"), None)
    if alert.handling == "open" and last is not None and last.act == "reopened":
        return texts.code("reopened", last.reason or "")
    if alert.handling in ("acknowledged", "snoozed") and by and until:
        return texts(f"handling.{alert.handling}_by", by=by, until=until)
    if alert.handling == "closed" and by:
        return texts("handling.closed_by", by=by)
    return texts.code("handling", alert.handling)


def handling_act(alert: Alert) -> Act | None:
    """The act of a person behind the present handling."""
    acts = [act for act in alert.history if act.act == alert.handling]
    return acts[-1] if acts else None


def age(span: timedelta, texts: Texts) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in _UNITS:
        if seconds >= length:
            return texts(f"age.{unit}", n=seconds // length)
    return texts("age.now")


def clock_time(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The time, and the date if it is not today."""
    shown = instant.astimezone(zone)
    return shown.strftime("%H:%M" if shown.date() == now.astimezone(zone).date() else "%Y-%m-%d %H:%M")
