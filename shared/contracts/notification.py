"""`notifications.v1`: what was sent, held, dropped, and why."""

from datetime import datetime
from typing import Literal

from shared.contracts.record import Record


class Notification(Record, frozen=True, kw_only=True):
    """The one decision for (alert, transition, step, recipient, channel).

    `recipient` is `staff:<id>` or `customer:<customer_id>`, never an address. `status` unknown: an attempt died in
    flight and nobody can say whether it arrived. `reason` is null only for what was sent.
    """

    notification_id: str
    alert_id: str
    rule_id: str
    customer_id: str
    transition: Literal["fired", "closed"]
    step: str
    recipient: str
    channel: Literal["email"]
    status: Literal["planned", "held", "sending", "sent", "dropped", "unknown", "failed"]
    reason: str | None = None
    template: str
    locale: str
    cause_at: datetime
    decided_at: datetime
    held_until: datetime | None = None
    attempts: int = 0
    sent_at: datetime | None = None
    provider_code: str | None = None
