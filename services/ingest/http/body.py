"""Reads the body of a request within limits, counted as it streams: what the headers promise is not trusted."""

import asyncio

from starlette.requests import Request

from shared.http import ApiError

MAX_BODY_BYTES = 1024 * 1024
READ_SECONDS = 15

_MEDIA_TYPES = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})


def check_headers(request: Request) -> None:
    """Raises ApiError 415 for an encoding or media type that is not taken, 413 for a length that is too much."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise ApiError(415, "content_encoding", "Send the body as it is, without Content-Encoding.")
    media_type, _, parameters = request.headers.get("content-type", "application/json").partition(";")
    if media_type.strip().lower() not in _MEDIA_TYPES:
        raise ApiError(415, "media_type", f"Send one of: {', '.join(sorted(_MEDIA_TYPES))}.")
    charset = parameters.lower().partition("charset=")[2].strip(' "').partition(";")[0]
    if charset.strip(' "') not in ("", "utf-8", "utf8"):
        raise ApiError(415, "charset", "Send the body in UTF-8.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:18]) > MAX_BODY_BYTES:
        raise _too_large()


async def read_body(request: Request) -> bytes:
    """The whole body. Raises ApiError 413 as soon as it exceeds the limit, 408 when it does not arrive."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise _too_large()
                chunks.append(chunk)
    except TimeoutError:
        raise ApiError(408, "body_timeout", f"The body did not arrive within {READ_SECONDS} seconds.") from None
    return b"".join(chunks)


def _too_large() -> ApiError:
    return ApiError(413, "body_too_large", f"Send at most {MAX_BODY_BYTES} bytes and 500 events at once.")
