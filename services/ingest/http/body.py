"""In which form ingest takes bodies. How large they may be is the same everywhere: `shared.http.limits`."""

from starlette.requests import Request

from shared.http import ApiError

_MEDIA_TYPES = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})


def check_headers(request: Request) -> None:
    """Raises ApiError 415 for an encoding or media type that is not taken."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise ApiError(415, "content_encoding", "Send the body as it is, without Content-Encoding.")
    media_type, _, parameters = request.headers.get("content-type", "application/json").partition(";")
    if media_type.strip().lower() not in _MEDIA_TYPES:
        raise ApiError(415, "media_type", f"Send one of: {', '.join(sorted(_MEDIA_TYPES))}.")
    charset = parameters.lower().partition("charset=")[2].strip(' "').partition(";")[0]
    if charset.strip(' "') not in ("", "utf-8", "utf8"):
        raise ApiError(415, "charset", "Send the body in UTF-8.")
