"""Unsubscribing. Tokens of links name a customer and a purpose, hold no personal data and cannot be made up; the act
itself becomes an interaction."""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from services.notify.domain.entities import MARKETING_CONSENT, Contact

_CONTEXT = b"ebbtide/notify/unsubscribe/1"
_ID_BYTES = 16
_TOKEN_CHARACTERS = 64
_ACTS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a06")


def token_for(secret: bytes, customer_id: str, purpose: str = MARKETING_CONSENT) -> str:
    """The token of one customer and purpose: the same for ever, so that links in old mail keep working."""
    identity = UUID(customer_id).bytes
    return base64.urlsafe_b64encode(identity + _mac(secret, identity, purpose)).decode()


def customer_of(secret: bytes, token: str, purpose: str = MARKETING_CONSENT) -> str | None:
    """The customer a token was made for; None when it was not made with this secret for this purpose."""
    if len(token) != _TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    identity, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
    return str(UUID(bytes=identity)) if hmac.compare_digest(mac, _mac(secret, identity, purpose)) else None


def act_of(contact: Contact | None, at: datetime, purpose: str = MARKETING_CONSENT) -> dict[str, Any] | None:
    """Unsubscribing as a CloudEvent; None when nobody is known by it or the log already says that they want no mail.

    Its id follows from the consent it ends, so a second click is the same act and one after a new consent is another.
    """
    if contact is None or contact.reference is None or contact.consent is False:
        return None
    ended = contact.consent_at.isoformat() if contact.consent_at is not None else ""
    channel, _, kind = purpose.partition(":")
    return {
        "specversion": "1.0",
        "id": str(uuid5(_ACTS, f"{contact.reference}/{purpose}/{ended}")),
        "source": "ebbtide/notify",
        "type": "customer.notification.unsubscribed",
        "subject": contact.reference,
        "time": at.astimezone(UTC).isoformat(),
        "data": {"channel": channel, "purpose": kind},
    }


def _mac(secret: bytes, identity: bytes, purpose: str) -> bytes:
    """A key of its own, derived for this use, so that no other keyed hash of the system is a valid token."""
    key = hmac.digest(secret, _CONTEXT, hashlib.sha256)
    return hmac.digest(key, identity + purpose.encode(), hashlib.sha256)
