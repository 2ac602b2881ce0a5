"""Alerts, contacts and notifications as these tests need them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notify.domain.entities import Cause, Contact, Notification, Staff, StaffMember

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CUSTOMER = "11111111-1111-5111-8111-111111111111"
ALERT = "22222222-2222-5222-8222-222222222222"

ADA = StaffMember(staff_id="ada", name="Ada Brandt", address="ada@shop.example", locale="en", zone="Europe/Berlin")
LIN = StaffMember(staff_id="lin", name="林晓雯", address="lin@shop.example", locale="zh-CN", zone="Asia/Shanghai")
STAFF = Staff(members={"ada": ADA, "lin": LIN}, default_owner="ada")


def cause(**more: Any) -> Cause:
    """A firing alert for owner and customer."""
    plain = Cause(
        alert_id=ALERT,
        rule_id="no-purchase-90d",
        customer_id=CUSTOMER,
        condition="firing",
        severity="warning",
        fired_at=NOW - DAY,
        since=NOW - 91 * DAY,
        notify=("owner", "customer"),
        facts={"days": 90},
        cause_version=5,
    )
    return replace(plain, **more)


def contact(**more: Any) -> Contact:
    """A customer who may be written to."""
    plain = Contact(
        customer_id=CUSTOMER,
        asked_version=5,
        consent=True,
        consent_at=NOW - 100 * DAY,
        reference="shop:1",
        name="Jo Miller",
        address="jo@example.com",
        zone="America/New_York",
    )
    return replace(plain, **more)


def notification(**more: Any) -> Notification:
    """The owner's notification about the firing."""
    plain = Notification(
        notification_id="33333333-3333-5333-8333-333333333333",
        alert_id=ALERT,
        rule_id="no-purchase-90d",
        customer_id=CUSTOMER,
        transition="fired",
        step="owner",
        recipient="staff:ada",
        channel="email",
        status="planned",
        reason="queued",
        template="owner_fired",
        locale="en",
        cause_at=NOW - DAY,
        decided_at=NOW,
    )
    return replace(plain, **more)


def win_back(**more: Any) -> Notification:
    """The customer's notification."""
    return notification(step="win_back", recipient=f"customer:{CUSTOMER}", template="win_back", **more)
