"""What protects the page: headers of every answer, and the check that an act comes from a page of ours."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.http.problems import ApiError
from shared.postgres import is_transient

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under that browsers send `Origin: null` with forms, and the check below had nothing to go by.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
MAX_FORM_BYTES = 64 * 1024

Answer = Callable[[Request, ApiError], Response]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(refuse: Answer) -> type[APIRoute]:
    """Routes that check where acts come from, answer errors with `refuse`, and send the headers above."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    if request.method not in ("GET", "HEAD"):
                        require_same_origin(request)
                    response = await inner(request)
                except ApiError as error:
                    response = refuse(request, error)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    response = refuse(request, ApiError(503, "not_available", "Try again shortly."))
                response.headers.setdefault("Cache-Control", "no-store")
                response.headers.update(HEADERS)
                return response

            return handle

    return Guarded


def require_same_origin(request: Request) -> None:
    """Raises ApiError 403 unless the browser says that a page of ours sends this."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site == "same-origin"
    else:
        # Only the host: a proxy may speak TLS for us.
        ours = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise ApiError(403, "cross_site", "This did not come from a page of Ebbtide.")


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The fields of a form. Raises ApiError 413 or 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ApiError(415, "bad_media_type", "Send a form.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise ApiError(413, "too_large", "The form is too large.")
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1_000)
    except ValueError:
        raise ApiError(422, "not_valid", "The form cannot be read.") from None


def local_path(path: str | None) -> str:
    """A path to go to that is surely ours; anything else is the list."""
    plain = path or "/"
    safe = plain.startswith("/") and not plain.startswith("//") and plain.isprintable() and "\\" not in plain
    return plain if safe else "/"
