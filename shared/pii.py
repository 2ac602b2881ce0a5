"""The one place where personal data is sealed and opened."""

from typing import Any

from shared.contracts import Pii
from shared.errors import EbbtideError


def seal_pii(value: dict[str, Any]) -> Pii | None:
    """Personal data, ready to travel. Nothing to seal gives None."""
    return Pii(value=value) if value else None


def open_pii(pii: Pii | None) -> dict[str, Any]:
    """The readable personal data; empty when there is none. Raises EbbtideError for an algorithm it does not know."""
    if pii is None:
        return {}
    if pii.alg != "none":
        raise EbbtideError(f"personal data is sealed with {pii.alg!r}, which this version cannot open")
    return pii.value
