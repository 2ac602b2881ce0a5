"""TCP lines that can be made bad, in a thread of their own so that a test that blocks does not stop them.

Ours, because the one tool of this kind that is kept, Toxiproxy, is a server to install beside the packages and cannot
tell the answer of a COMMIT from others.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from shared.clock import pause

T = TypeVar("T")
_HOST = "127.0.0.1"
_CHUNK = 65_536
# So much may wait on a line; then the sender is no longer read, as when nobody acknowledges his packets.
_CHUNKS = 16
# CommandComplete of PostgreSQL: type, length, tag.
_COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a line is.

    What a way that does not flow was given is held, and arrives when it flows again, as a network that comes back
    delivers what was sent into it; whoever has given up by then gets it late. `delay_ms`: from, to. `commit_loss`: the
    share of answers to a COMMIT that are lost together with their connection.
    """

    to_server: bool = True
    to_client: bool = True
    refuses: bool = False
    resets: bool = False
    delay_ms: tuple[float, float] = (0, 0)
    commit_loss: float = 0


PASS = Condition()
BLACK_HOLE = Condition(to_server=False, to_client=False)
# Half-open, either way round.
UNHEARD = Condition(to_server=False)
UNANSWERED = Condition(to_client=False)
REFUSING = Condition(refuses=True)
RESETTING = Condition(resets=True)


class Proxies:
    """All lines of a test. Use as a context manager; methods may be called from any thread and do not take long."""

    def __init__(self, *, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for proxy in self._proxies:
            self.run(proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def to(self, host: str, port: int) -> "Proxy":
        """A line to there, from a free port; it need not be listened to yet."""
        proxy = Proxy(self, host, port, random.Random(self._chance.random()))
        self.run(proxy.listen())
        self._proxies.append(proxy)
        return proxy

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Do it in the thread of the lines, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result()


class Proxy:
    """One line: a port of 127.0.0.1 that leads to a server. `lost_commits`: answers lost so far."""

    def __init__(self, proxies: Proxies, host: str, port: int, chance: random.Random) -> None:
        self.target = host, port
        self.lost_commits = 0
        self._proxies = proxies
        self._chance = chance
        self._condition = PASS
        self._flowing = {"to_server": asyncio.Event(), "to_client": asyncio.Event()}
        self._links: dict[asyncio.Task[Any], _Link] = {}
        self._socket = _bound(0)
        self._server: asyncio.Server | None = None
        self.port = int(self._socket.getsockname()[1])

    @property
    def condition(self) -> Condition:
        """From the moment it is set, for old connections and for new ones."""
        return self._condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self._proxies.run(self._become(condition))

    def reset(self) -> None:
        """End every connection the hard way (RST), once."""
        self._proxies.run(self._reset())

    async def listen(self) -> None:
        """Called once, in the thread of the lines."""
        await self._become(self._condition)

    async def close(self) -> None:
        """End everything, in the thread of the lines."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        await self._reset()

    async def flow(self, way: str) -> None:
        """Returns when that way flows."""
        await self._flowing[way].wait()

    def delay(self) -> float:
        """Seconds that what was read now takes."""
        return self._chance.uniform(*self._condition.delay_ms) / 1_000

    def loses(self, answer: bytes) -> bool:
        """Whether this is the answer to a COMMIT, and one of those that are to be lost."""
        lost = _COMMITTED in answer and self._chance.random() < self._condition.commit_loss
        self.lost_commits += lost
        return lost

    async def _become(self, condition: Condition) -> None:
        self._condition = condition
        for way, event in self._flowing.items():
            if getattr(condition, way):
                event.set()
            else:
                event.clear()
        if condition.refuses and self._server is not None:
            self._server.close()
            self._server, self._socket = None, _bound(self.port)  # held, so that nobody else takes the port
        elif not condition.refuses and self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=self._socket)
        if condition.refuses or condition.resets:
            await self._reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, reader, writer)
        if self._condition.resets:
            link.reset()
            return
        task = asyncio.current_task()
        assert task is not None
        self._links[task] = link
        with contextlib.suppress(asyncio.CancelledError):  # by `_reset` alone
            await link.run()
        del self._links[task]

    async def _reset(self) -> None:
        links = dict(self._links)
        for task, link in links.items():
            link.reset()
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


class _Link:
    """One connection through a proxy: two sockets, and what is under way between them."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]

    async def run(self) -> None:
        """Until both ends have closed, or one has gone."""
        client = self._writers[0]
        await self._proxy.flow("to_server")  # where nothing arrives, nobody is connected to
        try:
            reader, server = await asyncio.open_connection(*self._proxy.target)
            self._writers.append(server)
            async with asyncio.TaskGroup() as group:
                for source, sink, way in ((self._reader, server, "to_server"), (reader, client, "to_client")):
                    chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS)
                    group.create_task(self._read(source, chunks, way))
                    group.create_task(self._write(chunks, sink, way))
        except* OSError:
            self.reset()
        for writer in self._writers:
            writer.close()

    def reset(self) -> None:
        """RST to both sides."""
        for writer in self._writers:
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _read(self, source: asyncio.StreamReader, chunks: "asyncio.Queue[tuple[float, bytes]]", way: str) -> None:
        loop = asyncio.get_running_loop()
        due, data = 0.0, b"?"
        while data:
            try:
                data = await source.read(_CHUNK)
            except OSError:
                await self._proxy.flow(way)  # the other side does not learn of it before
                raise
            due = max(due, loop.time() + self._proxy.delay())
            await chunks.put((due, data))

    async def _write(self, chunks: "asyncio.Queue[tuple[float, bytes]]", sink: asyncio.StreamWriter, way: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await chunks.get()
            if due > loop.time():
                await pause(due - loop.time())
            await self._proxy.flow(way)
            if not data:
                sink.write_eof()
                return
            if way == "to_client" and self._proxy.loses(data):
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()


def _bound(port: int) -> socket.socket:
    """To connect to it is refused until somebody listens."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((_HOST, port))
    return found


@contextlib.asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """One line, to there."""
    with Proxies() as proxies:
        yield proxies.to(host, port)
