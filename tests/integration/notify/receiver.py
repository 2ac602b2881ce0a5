"""Receivers of webhooks: a real HTTP server that remembers what came, and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Came:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers by path, 204 unless told otherwise; while `gate` is closed it does not answer at all."""

    port: int = 0
    came: list[Came] = field(default_factory=list)
    answers: dict[str, web.Response] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/in") -> str:
        return f"http://{self.place}{path}"

    def at(self, path: str) -> list[Came]:
        return [one for one in self.came if one.path == path]

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append(Came(request.path_qs, headers, await request.read()))
        await self.gate.wait()
        answer = self.answers.get(request.path)
        if answer is None:
            return web.Response(status=204)
        return web.Response(status=answer.status, headers=dict(answer.headers), text=answer.text)


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """A receiver that listens on a free port."""
    receiver = Receiver()
    receiver.gate.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        receiver.gate.set()
        await runner.cleanup()
