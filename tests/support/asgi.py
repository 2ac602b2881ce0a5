"""Calls an ASGI application without a socket, with the body in whatever pieces a test wants."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def call(
    app: ASGIApp, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes | Iterable[bytes] = b""
) -> Answer:
    """One request; `path` may end in a query. Pieces of the body are made only when the application asks for them."""
    path, _, query = path.partition("?")
    pieces = iter([body] if isinstance(body, bytes) else body)
    started: list[Message] = []
    parts: list[bytes] = []

    async def receive() -> Message:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            parts.append(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in started[0]["headers"]}
    return Answer(started[0]["status"], answered, b"".join(parts))
