"""Secrets at rest: sealed under a key of their own purpose, bound to the row they belong to."""

import hashlib
import hmac

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from shared.errors import EbbtideError


class Sealer:
    """Seals and opens with XChaCha20-Poly1305 under a key derived from a secret and a purpose.

    A secret of one purpose says nothing about another's. What is sealed can be opened only with the same `bound_to`,
    so that nobody who writes to the database can swap rows.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._box = Aead(hmac.new(secret, f"ebbtide sealing {purpose}".encode(), hashlib.sha256).digest())

    def seal(self, plain: bytes, *, bound_to: str) -> bytes:
        """Nonce, ciphertext and tag. The same input gives another output each time."""
        return bytes(self._box.encrypt(plain, bound_to.encode()))

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """What was sealed. Raises EbbtideError if it was changed, moved, or sealed under another secret."""
        try:
            return bytes(self._box.decrypt(sealed, bound_to.encode()))
        except (CryptoError, ValueError):
            raise EbbtideError("what is stored cannot be opened: it was sealed under another EBBTIDE_SECRET") from None
