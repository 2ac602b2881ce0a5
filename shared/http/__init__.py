"""What the five HTTP APIs have in common: problems, access, pages, health, documents."""

from shared.http.access import requires
from shared.http.pages import (
    Instant,
    PageRequest,
    bad_cursor,
    cut,
    decode_cursor,
    decode_position,
    encode_cursor,
    instant_of,
    page,
)
from shared.http.problems import ApiError, problem

__all__ = [
    "ApiError",
    "Instant",
    "PageRequest",
    "bad_cursor",
    "cut",
    "decode_cursor",
    "decode_position",
    "encode_cursor",
    "instant_of",
    "page",
    "problem",
    "requires",
]
