"""Lists: `items` and an opaque cursor that continues exactly after the last item."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from shared.http.problems import ApiError

T = TypeVar("T")


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such instant in UTC") from None


# An instant that somebody named, in UTC. A calendar's first and last hours do not exist in every zone.
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class PageRequest(BaseModel):
    """The query parameters that every list has."""

    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of the page before; without it the list begins at its first item.",
        examples=["WyIyMDI2LTAxLTMxVDEyOjAwOjAwKzAwOjAwIiwiMGY5YWIwYzQtNmE1ZS01ZjViLTlkNTktMWQ4YzNjMmE3YzExIl0"],
    )
    limit: int = Field(default=100, ge=1, le=1_000, description="Most items in one answer.", examples=[50])
    total: bool = Field(default=False, description="Also count all that match.", examples=[True])


def encode_cursor(*parts: str | int) -> str:
    """An opaque cursor made of the sort key of the last item."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """The parts of a cursor, which must be of these kinds. Raises ApiError 422 `bad_cursor` otherwise."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if isinstance(parts, list) and not all(_storable(part) for part in parts if isinstance(part, str)):
        parts = None
    fits = isinstance(parts, list) and (not kinds or [type(part) for part in parts] == list(kinds))
    if not fits:
        raise bad_cursor()
    return tuple(parts or ())


def decode_position(cursor: str | None) -> tuple[datetime, str] | None:
    """Where a list ordered by (instant, id) goes on. Raises ApiError 422 `bad_cursor`."""
    if cursor is None:
        return None
    at, identity = decode_cursor(cursor, str, str)
    try:
        return instant_of(at), str(UUID(identity))
    except ValueError:
        raise bad_cursor() from None


def instant_of(text: str) -> datetime:
    """The instant in a cursor, in UTC. Raises ValueError for what is none."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return _in_utc(instant)


def bad_cursor() -> ApiError:
    """What a list answers that is asked to go on from somewhere it has never been."""
    return ApiError(422, "bad_cursor", "The cursor is not one that this list gave.", field="cursor")


def cut(found: Sequence[T], limit: int, key: Callable[[T], tuple[str | int, ...]]) -> tuple[list[T], str | None]:
    """Of up to `limit + 1` rows those that are shown, and the cursor after them if there are more.

    `key` is what the list is ordered by.
    """
    shown = list(found[:limit])
    return shown, encode_cursor(*key(shown[-1])) if len(found) > limit else None


def page(items: list[Any], next_cursor: str | None, total: int | None = None) -> dict[str, Any]:
    """The body of a list."""
    body: dict[str, Any] = {"items": items, "next_cursor": next_cursor}
    return body if total is None else {**body, "total": total}


def _storable(text: str) -> bool:
    """PostgreSQL's text holds neither a NUL nor half a character."""
    return "\x00" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
