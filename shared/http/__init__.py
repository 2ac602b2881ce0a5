"""What the five HTTP APIs have in common: problems, access, pages, health, documents."""

from shared.http.access import requires
from shared.http.pages import decode_cursor, encode_cursor, page
from shared.http.problems import ApiError, problem

__all__ = ["ApiError", "decode_cursor", "encode_cursor", "page", "problem", "requires"]
