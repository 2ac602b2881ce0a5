"""A receiver of webhooks on real sockets that answers, dawdles and breaks off as it is told, and knows what came."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.support.providers.mail import drip


@dataclass(frozen=True)
class Say:
    """An answer. `how`: plain; reset, in its place; mute, never; dripped, byte by byte; held until the gate opens."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    how: Literal["plain", "reset", "mute", "dripped", "held"] = "plain"

    def raw(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""]).encode()


@dataclass(frozen=True)
class Request:
    """One that came whole; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class WebServer:
    """Scripts by path, an answer for each request, in order; 204 when there is none left."""

    port: int = 0
    scripts: dict[str, list[Say]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    def at(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]

    async def listen(self) -> None:
        """On a free port, or again on the one it had."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From now on connections are refused, and open ones are cut."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            request = await _request(reader)
            self.requests.append(request)
            await self._answer(self._next(request.path), reader, writer)
            await writer.drain()
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._talks.discard(talk)
            if not writer.is_closing():
                writer.transport.abort()

    async def _answer(self, say: Say, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if say.how == "reset":
            writer.transport.abort()
        elif say.how == "mute":
            await reader.read()
        elif say.how == "dripped":
            await drip(writer, say.raw()[:-2] + b"X-More: " + b"x" * 10_000)
        else:
            if say.how == "held":
                await self.gate.wait()
            writer.write(say.raw())

    def _next(self, path: str) -> Say:
        script = self.scripts.get(path, [])
        return script.pop(0) if script else Say()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): text.strip() for name, _, text in (line.partition(":") for line in head[1:])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split(" ")[1], headers, body)


@asynccontextmanager
async def open_web_server() -> AsyncIterator[WebServer]:
    """Listening on a free port; gone at the end, with whatever is held open."""
    server = WebServer()
    await server.listen()
    try:
        yield server
    finally:
        server.gate.set()
        await server.close()
