"""Tokens of unsubscribe links: they name a customer and a purpose, hold no personal data and cannot be made up."""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from services.notify.domain.entities import MARKETING_CONSENT

_CONTEXT = b"ebbtide/notify/unsubscribe/1"
_ID_BYTES = 16
_TOKEN_CHARACTERS = 64


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


def _mac(secret: bytes, identity: bytes, purpose: str) -> bytes:
    """A key of its own, derived for this use, so that no other keyed hash of the system is a valid token."""
    key = hmac.digest(secret, _CONTEXT, hashlib.sha256)
    return hmac.digest(key, identity + purpose.encode(), hashlib.sha256)
