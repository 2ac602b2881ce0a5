"""What a template is given to fill in: plain values only, instants already in the recipient's zone."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.notify.domain.entities import Cause, Contact, Notification, StaffMember

MAX_NAME = 100

Value = str | int | list[tuple[str, str]] | None


def staff_letter(
    notification: Notification, cause: Cause, contact: Contact | None, member: StaffMember
) -> dict[str, Value]:
    """For the account owner: which customer, which rule, since when, why."""
    return {
        "staff_name": one_line(member.name),
        "customer_name": one_line((contact.name or contact.reference or "") if contact else "") or cause.customer_id,
        "customer_id": cause.customer_id,
        "reference": one_line(contact.reference) if contact and contact.reference else None,
        "rule_id": cause.rule_id,
        "severity": cause.severity,
        "condition": cause.condition,
        "since": in_zone(cause.since, member.zone),
        "fired_at": in_zone(cause.fired_at, member.zone),
        "closed_at": in_zone(cause.closed_at, member.zone) if cause.closed_at else None,
        "days": (cause.fired_at - cause.since).days,
        "facts": [(code, str(value)) for code, value in sorted(cause.facts.items())],
        "alert_id": notification.alert_id,
    }


def customer_letter(cause: Cause, contact: Contact, *, company: str, unsubscribe_url: str) -> dict[str, Value]:
    """For the customer: nothing about rules, scores or alerts."""
    return {
        "customer_name": one_line(contact.name) if contact.name else None,
        "company": one_line(company),
        "last_seen": in_zone(cause.since, contact.zone).partition(" ")[0],
        "unsubscribe_url": unsubscribe_url,
    }


def in_zone(instant: datetime, zone: str | None) -> str:
    """`1997-09-30 08:00 Asia/Shanghai`; an unknown or missing zone is UTC and says so."""
    try:
        known = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = None
    shown = instant.astimezone(known or ZoneInfo("UTC"))
    return f"{shown:%Y-%m-%d %H:%M} {zone if known else 'UTC'}"


def one_line(text: str) -> str:
    """Names come from outside: no line breaks or control characters, and an end."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_NAME]
