"""The decision about one notification at the moment of sending: send it, hold it, or drop it for one reason."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from services.notify.domain.addresses import is_deliverable
from services.notify.domain.entities import Cause, Contact, Notification, Status
from services.notify.domain.reasons import Reason

STALE_AFTER = timedelta(days=7)
WIN_BACK_INTERVAL = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Send:
    """Write the letter and hand it to the mail server."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now. `until` is a business instant; None: look again shortly."""

    reason: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Never, and this is why."""

    reason: Reason


Decision: TypeAlias = Send | Hold | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the decision depends on, read inside the claiming transaction.

    `firings` (of a closing only) are the states of the notifications that told the same recipient of the firing, of
    this alert and of those it succeeds; `staff_known` says whether the recipient is in staff.yaml;
    `unsubscribed_at` and `last_win_back_at` are of the customer with all who were merged into them.
    """

    cause: Cause
    contact: Contact | None
    firings: Collection[Status] = ()
    staff_known: bool = False
    customer_sends: bool = False
    unsubscribed_at: datetime | None = None
    last_win_back_at: datetime | None = None


def decide(notification: Notification, situation: Situation, now: datetime) -> Decision:
    """What to do with a due notification that no attempt can have delivered yet."""
    closing = notification.transition == "closed"
    reason = _closing_reason(situation) if closing else _firing_reason(situation.cause)
    if reason is Reason.AWAITING_FIRING:
        return Hold(reason)
    if now - notification.cause_at > STALE_AFTER and reason is not Reason.NOT_TOLD:
        return Drop(Reason.STALE)
    if reason is None:
        reason = _customer_reason(situation, now) if notification.to_customer else _staff_reason(situation)
    return Send() if reason is None else Drop(reason)


def _firing_reason(cause: Cause) -> Reason | None:
    if not cause.announce:
        return Reason.NOT_ANNOUNCED
    # Retracted because its start moved: the successor is not announced, so this one still is.
    if cause.condition == "firing" or cause.succeeded_by is not None:
        return None
    return Reason(cause.condition)


def _closing_reason(situation: Situation) -> Reason | None:
    """Only who was told of the firing, or may have been, is told that it is over."""
    if situation.cause.succeeded_by is not None:
        return Reason.HANDED_OVER
    if any(status in ("planned", "held", "sending") for status in situation.firings):
        return Reason.AWAITING_FIRING
    return None if any(status in ("sent", "unknown") for status in situation.firings) else Reason.NOT_TOLD


def _staff_reason(situation: Situation) -> Reason | None:
    return None if situation.staff_known else Reason.UNKNOWN_OWNER


def _customer_reason(situation: Situation, now: datetime) -> Reason | None:
    contact = situation.contact
    if not situation.customer_sends:
        return Reason.CUSTOMER_SENDS_OFF
    if contact is None or contact.status == "merged":
        return Reason.UNKNOWN_CUSTOMER
    if contact.status == "erased":
        return Reason.ERASED
    if _unsubscribed(contact, situation.unsubscribed_at):
        return Reason.UNSUBSCRIBED
    if not contact.consent:
        return Reason.NO_CONSENT
    if not contact.address:
        return Reason.NO_ADDRESS
    if not is_deliverable(contact.address):
        return Reason.BAD_ADDRESS
    last = situation.last_win_back_at
    return Reason.FREQUENCY_CAP if last is not None and now - last < WIN_BACK_INTERVAL else None


def _unsubscribed(contact: Contact, unsubscribed_at: datetime | None) -> bool:
    """The last word counts: who unsubscribed and consented again later may be written to."""
    if unsubscribed_at is None:
        return False
    return not contact.consent or contact.consent_at is None or contact.consent_at <= unsubscribed_at
