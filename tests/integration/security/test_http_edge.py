"""A server of ours on a real socket, and peers that want to keep it busy."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.domain.quota import Quota
from services.ingest.domain.references import References
from services.ingest.gateways.phones import normalise_phone
from services.ingest.handlers.interactions import Reception
from services.ingest.http import create_router
from services.ingest.metrics import IngestMetrics
from shared.access import Directory
from shared.http.app import create_app
from shared.http.limits import MAX_BODY_BYTES
from shared.http.protocol import MAX_HEAD_BYTES
from shared.http.server import HttpServer
from tests.unit.ingest.test_interactions_http import FixedClock, Log, principal

LORISES = 200
HEAD = "POST /v1/interactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\n"


class Served:
    """Ingest's API with a log in memory, listening on a free port."""

    def __init__(self) -> None:
        self.log = Log()
        directory = Directory()
        directory.loaded = True
        self.key, told = principal(("interactions:write",))
        directory.apply(told.subject, msgspec.json.encode(told))
        metrics = IngestMetrics(CollectorRegistry())
        references = References(b"s" * 32, normalise_phone)
        reception = Reception(self.log, clock=FixedClock(), references=references, metrics=metrics)
        app = create_app("ingest", "", directory, [create_router(reception, quota=Quota(0, 1), metrics=metrics)])
        self.server = HttpServer(app, host="127.0.0.1", port=0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def say(self, *pieces: bytes) -> bytes:
        """What a peer hears who sends these pieces and then waits; it may be shown out before it is done."""
        reader, writer = await self.connect()
        heard = asyncio.ensure_future(reader.read(65_536))
        try:
            for piece in pieces:
                if heard.done():
                    break
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        try:
            return await asyncio.wait_for(heard, 60)
        finally:
            writer.close()

    def head(self, *headers: str) -> bytes:
        return (HEAD.format(self.key) + "".join(f"{one}\r\n" for one in headers) + "\r\n").encode()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.server.start()
    yield made
    await made.server.stop()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


async def test_chunks_without_a_length_are_cut_at_the_limit(served: Served) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    answer = await served.say(served.head("Transfer-Encoding: chunked"), *[chunk] * (MAX_BODY_BYTES // 65_536 + 8))
    assert status(answer) == 413


async def test_a_head_without_an_end_is_cut_at_the_limit(served: Served) -> None:
    answer = await served.say(
        HEAD.format(served.key).encode() + b"X: ", *[b"x" * 1_024] * (MAX_HEAD_BYTES // 1_024 + 8)
    )
    assert status(answer) == 431


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"\0" * 10_000_000)),
        ("gzip", gzip.compress(gzip.compress(b"[]"))),
        ("gzip, gzip", gzip.compress(gzip.compress(b"[]"))),
        ("gzip", gzip.compress(b"[]" * 1_000)[:-20]),
        ("deflate", b"\0"),
        ("br", b"\0"),
    ],
    ids=["zeros", "nested", "twice", "cut", "deflate", "brotli"],
)
async def test_nothing_is_inflated(served: Served, encoding: str, body: bytes) -> None:
    answer = await served.say(served.head(f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}"), body)
    assert (status(answer), b"content_encoding" in answer) == (415, True)
    assert not served.log.records


async def test_two_hundred_slow_peers_keep_nobody_else_waiting(served: Served) -> None:
    """Half of them in the middle of a header, half in the middle of a body."""
    lorises = [await served.connect() for _ in range(LORISES)]
    for number, (_, writer) in enumerate(lorises):
        half = served.head("Content-Length: 1000") + b"[" if number % 2 else b"POST /v1/interactions HT"
        writer.write(half)
        await writer.drain()
    body = (
        b'{"specversion": "1.0", "id": "1", "type": "customer.visit", "subject": "1", "time": "2026-05-01T00:00:00Z"}'
    )
    answers = [await served.say(served.head(f"Content-Length: {len(body)}"), body) for _ in range(10)]
    assert [status(answer) for answer in answers] == [202] * 10
    assert not any(reader.at_eof() for reader, _ in lorises)
    for _, writer in lorises:
        writer.close()


async def test_a_peer_that_leaves_in_the_middle_of_a_body_is_no_failure(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Else anybody could fill the log with tracebacks."""
    reader, writer = await served.connect()
    writer.write(served.head("Content-Length: 1000") + b"[")
    await writer.drain()
    writer.close()
    await reader.read()
    answer = await served.say(served.head("Content-Length: 2"), b"{]")
    assert status(answer) == 400
    assert "request_failed" not in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
