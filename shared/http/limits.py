"""How much a request may bring and for how long: counted as it streams, because what headers promise is not trusted."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import ApiError, problem

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 15


class _Cut(Exception):
    """The rest of the body is not read. Whatever a route makes of it, the answer is the refusal."""


class BodyLimitMiddleware:
    """Answers 413 as soon as a body exceeds 1 MiB, and 408 when it has not arrived within 15 seconds.

    The framework reads bodies before it asks for a key, so without this anybody could fill the memory.
    """

    def __init__(self, app: ASGIApp, *, most: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._most, self._seconds)
        if _promised(scope) > self._most:
            await problem(body.too_large())(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if body.refusal is None or started:
                started = True
                await send(message)

        try:
            await self._app(scope, body.receive, answer)
        except _Cut:
            if started:
                raise
        if body.refusal is not None and not started:
            await problem(body.refusal)(scope, receive, send)


class _Body:
    """What is left of the body, within the limits."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive = receive
        self._left = most
        self._until = asyncio.get_running_loop().time() + seconds
        self._whole = False
        self._most = most
        self._seconds = seconds
        self.refusal: ApiError | None = None

    def too_large(self) -> ApiError:
        return ApiError(413, "body_too_large", f"Send at most {self._most} bytes.")

    async def receive(self) -> Message:
        if self._whole:  # what follows is whether the caller is still there, and may take for ever
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self.refusal = ApiError(408, "body_timeout", f"The body did not arrive within {self._seconds:g} seconds.")
            raise _Cut from None
        self._left -= len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._left < 0:
            self.refusal = self.too_large()
            raise _Cut
        return message


def _promised(scope: Scope) -> int:
    """What the headers say; nothing is spent on a body that is too large by its own account."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length[:18]) if length.isdigit() else 0
