"""Addresses and signing secrets of webhooks, sealed at rest."""

import base64
import secrets

import msgspec

from services.notify.domain.webhooks import Target, Webhook
from shared.errors import EbbtideError
from shared.sealing import Sealer

PREFIX = "whsec_"
_SECRET_BYTES = 32
_TARGETS = msgspec.json.Decoder(Target)


class Vault:
    """Seals a webhook's target to its id, so that rows cannot be swapped."""

    def __init__(self, secret: bytes) -> None:
        self._sealer = Sealer(secret, "webhooks")

    def seal(self, webhook_id: str, target: Target) -> bytes:
        return self._sealer.seal(msgspec.json.encode(target), bound_to=webhook_id)

    def open(self, webhook: Webhook) -> Target | None:
        """None when it was sealed under another EBBTIDE_SECRET."""
        try:
            return _TARGETS.decode(self._sealer.open(webhook.sealed, bound_to=webhook.webhook_id))
        except EbbtideError:
            return None


def new_secret() -> str:
    """A signing secret of 256 random bits, as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
