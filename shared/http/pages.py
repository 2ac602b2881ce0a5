"""Lists: `items` and an opaque cursor that continues exactly after the last item."""

import base64
import binascii
import json
from typing import Any

from shared.http.problems import ApiError


def encode_cursor(*parts: str | int) -> str:
    """An opaque cursor made of the sort key of the last item."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor, which must be of these kinds. Raises ApiError 422 `bad_cursor` otherwise."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and any(isinstance(part, str) and "\x00" in part for part in parts):
        parts = None  # PostgreSQL's text holds no NUL
    fits = isinstance(parts, list) and (not kinds or [type(part) for part in parts] == list(kinds))
    if not fits:
        raise ApiError(422, "bad_cursor", "The cursor is not one that this list gave.", field="cursor")
    return tuple(parts or ())


def page(items: list[Any], next_cursor: str | None, total: int | None = None) -> dict[str, Any]:
    """The body of a list."""
    body: dict[str, Any] = {"items": items, "next_cursor": next_cursor}
    return body if total is None else {**body, "total": total}
