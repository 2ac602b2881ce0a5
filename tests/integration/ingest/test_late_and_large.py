"""What is spooled and committed late is sent; what is too large costs nothing but an answer."""

import asyncio
import json
from collections.abc import Iterable, Iterator

import psutil
from prometheus_client import CollectorRegistry

from services.ingest.gateways.spool import Spool
from services.ingest.handlers.principals import Granted
from services.ingest.metrics import IngestMetrics
from services.ingest.store import IngestStore
from shared.application import Application
from shared.kafka.topics import INTERACTIONS
from shared.postgres import Database
from tests.integration.ingest.outsider import event
from tests.support.stack import Lease
from tests.support.topics import read_all

MEGABYTE = 1024 * 1024
# Of a process in which the client runs as well; what is sent is many times as much.
MOST_GROWTH = 96 * MEGABYTE


class Broker:
    """Takes what it is given."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.taken += [key for key, _ in records]


async def test_what_was_spooled_first_and_committed_last_is_sent(lease: Lease) -> None:
    """By a process that had taken the spool for empty meanwhile."""
    async with Database(await lease.dsn("ingest"), application="tests") as database:
        broker, spooled, go_on = Broker(), asyncio.Event(), asyncio.Event()
        spool = Spool(database, IngestStore, limit=100, metrics=IngestMetrics(CollectorRegistry()))

        async def append_slowly() -> None:
            async with database.transaction() as connection:
                await IngestStore(connection).append_spool([(b"early", b"{}")])
                spooled.set()
                await go_on.wait()

        slow = asyncio.create_task(append_slowly())
        await spooled.wait()
        await spool.append([(b"late", b"{}")])
        assert await spool.drain(broker, "t") == 1
        assert await spool.is_empty()
        go_on.set()
        await slow
        assert not await spool.is_empty()
        assert await spool.drain(broker, "t") == 1
        assert broker.taken == [b"late", b"early"]


async def talk(ingest: Application, pieces: Iterator[bytes]) -> bytes:
    """What is answered to these bytes; sending stops when it is."""
    assert ingest.server is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.server.port)
    answer = asyncio.create_task(reader.read(4_096))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if answer.done():
                break
        return await answer
    except ConnectionError:
        return b"HTTP/1.1 000 reset"
    finally:
        answer.cancel()
        writer.transport.abort()


def head(key: str, *lines: str) -> bytes:
    first = ("POST /v1/interactions HTTP/1.1", "Host: x", f"Authorization: Bearer {key}")
    return "\r\n".join([*first, "Content-Type: application/json", *lines, "", ""]).encode()


def chunked(body: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def with_length(key: str, body: bytes) -> Iterator[bytes]:
    yield head(key, f"Content-Length: {len(body)}")
    yield from (body[start : start + 64 * 1024] for start in range(0, len(body), 64 * 1024))


def without_length(key: str, body: bytes) -> Iterator[bytes]:
    yield head(key, "Transfer-Encoding: chunked")
    yield from chunked(body)


def with_large_head(key: str) -> Iterator[bytes]:
    yield head(key, "X: y")[:-2] + b"X-More: "
    for _ in range(160):
        yield b"x" * 64 * 1024


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


async def test_sizes_beyond_the_limits_are_refused_and_take_no_memory(
    lease: Lease, ingest: Application, shop: Granted
) -> None:
    """A body of 1 MiB and a byte, with and without its length; a header of 10 MB; 10,001 events; one of 256 KiB."""
    key = shop.key.secret
    good = json.dumps(event("good")).encode()
    padded = good + b" " * (MEGABYTE - len(good))
    many = b"[" + b",".join([b"{}"] * 10_001) + b"]"
    large = json.dumps([event("also-good"), event("large", data={"x": "y" * 256 * 1024})]).encode()
    assert status_of(await talk(ingest, with_length(key, padded))) == 202
    before = psutil.Process().memory_info().rss
    for _ in range(20):
        assert status_of(await talk(ingest, with_length(key, padded + b" "))) == 413
        assert status_of(await talk(ingest, without_length(key, padded + b" "))) == 413
        assert status_of(await talk(ingest, with_large_head(key))) in (431, 400, 0)
        assert status_of(await talk(ingest, with_length(key, many))) == 413
    answer = await talk(ingest, with_length(key, large))
    assert status_of(answer) == 202
    assert b'"accepted":1' in answer
    assert b"too_large" in answer
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH
    assert {found.id for _, found in await read_all(lease, INTERACTIONS)} == {"good", "also-good"}
