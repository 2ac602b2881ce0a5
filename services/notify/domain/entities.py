"""What notify knows: alerts, contacts, staff, and its own notifications."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Condition = Literal["firing", "resolved", "retracted"]
Transition = Literal["fired", "closed"]
Status = Literal["planned", "held", "sending", "sent", "dropped", "unknown", "failed"]

OWNER_STEP = "owner"
WIN_BACK_STEP = "win_back"
EMAIL = "email"
MARKETING_CONSENT = "email:marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An alert as far as notifications depend on it. `closed_at` is when it resolved or was retracted.

    `owner` is the account owner the alert was decided with. `announce` false: nobody is told of its firing.
    It goes on as `succeeded_by`, and went on from `succeeds`: the same spell with its start moved.
    """

    alert_id: str
    rule_id: str
    customer_id: str
    condition: Condition
    severity: str
    fired_at: datetime
    since: datetime
    closed_at: datetime | None = None
    notify: tuple[str, ...] = ()
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    owner: str | None = None
    announce: bool = True
    succeeds: str | None = None
    succeeded_by: str | None = None
    cause_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How a customer can be reached, and who follows them up. `address` and `name` are personal data.

    For a merged customer this is whom they were merged into; `asked_version` is the version of the row asked for.
    """

    customer_id: str
    status: Literal["active", "merged", "erased"] = "active"
    asked_version: int = 0
    owner_id: str | None = None
    locale: str | None = None
    zone: str | None = None
    consent: bool | None = None
    consent_at: datetime | None = None
    reference: str | None = None
    name: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """Somebody who receives mail about customers."""

    staff_id: str
    name: str
    address: str
    locale: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Everybody in staff.yaml; `default_owner` follows up customers that have no owner."""

    members: Mapping[str, StaffMember]
    default_owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The one decision for (alert, transition, step, recipient, channel); field for field the contract's."""

    notification_id: str
    alert_id: str
    rule_id: str
    customer_id: str
    transition: Transition
    step: str
    recipient: str
    channel: Literal["email"]
    status: Status
    reason: str | None = None
    template: str
    locale: str
    cause_at: datetime
    decided_at: datetime
    held_until: datetime | None = None
    attempts: int = 0
    sent_at: datetime | None = None
    provider_code: str | None = None

    @property
    def to_customer(self) -> bool:
        """Mail to customers needs consent and is never repeated; mail to staff is the opposite."""
        return self.recipient.startswith("customer:")

    @property
    def recipient_id(self) -> str:
        """The staff member's or customer's id."""
        return self.recipient.partition(":")[2]
