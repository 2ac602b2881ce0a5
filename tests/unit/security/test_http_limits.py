"""What a stranger can make a service keep in memory, or open, before anybody asks who it is."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from uvicorn import Config
from uvicorn.server import ServerState

from shared.access import Directory, new_key
from shared.clock import pause
from shared.http import requires
from shared.http.access import FAILURES_A_MINUTE
from shared.http.app import create_app
from shared.http.limits import MAX_BODY_BYTES, BodyLimitMiddleware
from shared.http.protocol import MAX_HEAD_BYTES, BoundedProtocol
from tests.support.asgi import Answer, call
from tests.unit.shared.test_access import directory, stored, told


class Said(BaseModel):
    """A body that the framework reads, before it asks for a key."""

    text: str


def made(known: Directory | None = None) -> Any:
    router = APIRouter()

    @router.post("/v1/said", dependencies=[Depends(requires("interactions:write"))])
    async def said(body: Said) -> int:
        return len(body.text)

    @router.post("/v1/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    directory = known or Directory()
    directory.loaded = True
    return create_app("tally", "", directory, [router])


@pytest.mark.parametrize("path", ["/v1/said", "/v1/raw"])
async def test_a_body_is_cut_as_it_streams_whoever_sends_it(path: str) -> None:
    """Without a key, without a length, whether a route or the framework reads it."""
    taken = 0

    def endless() -> Iterable[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 65_536

    with capture_logs() as logged:
        answer = await call(made(), "POST", path, headers={"content-type": "application/json"}, body=endless())
    assert not logged
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-correlation-id"]
    assert taken == MAX_BODY_BYTES // 65_536 + 1


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    taken = []
    body = (taken.append(1) or b" " for _ in range(3))  # type: ignore[func-returns-value]
    answer = await call(made(), "POST", "/v1/raw", headers={"content-length": str(MAX_BODY_BYTES + 1)}, body=body)
    assert (answer.status, taken) == (413, [])


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    answer = await call(made(), "POST", "/v1/raw", body=[b" " * MAX_BODY_BYTES])
    assert (answer.status, answer.json()) == (200, MAX_BODY_BYTES)


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    """The route waits for it, the sender says nothing more."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    sent: list[Message] = []

    async def receive() -> Message:
        if not sent:
            sent.append({})
            return {"type": "http.request", "body": b"[", "more_body": True}
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    app = BodyLimitMiddleware(route, seconds=0.01)
    await app({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert sent[1]["status"] == 408
    assert b'"body_timeout"' in sent[2]["body"]


async def test_after_its_body_a_caller_may_be_waited_on_for_ever() -> None:
    """Streams ask whether their reader is still there."""
    gone = asyncio.Event()
    began = asyncio.Event()

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        began.set()
        await receive()
        gone.set()

    messages: asyncio.Queue[Message] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    app = BodyLimitMiddleware(route, seconds=0)
    answer = app({"type": "http", "method": "POST", "headers": []}, messages.get, lambda _: pause(0))
    task = asyncio.ensure_future(answer)
    await began.wait()
    messages.put_nowait({"type": "http.disconnect"})
    await task
    assert gone.is_set()


class Wire(asyncio.Transport):
    """What a peer would see."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def connect() -> tuple[BoundedProtocol, Wire]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = Config(app, lifespan="off", log_config=None, access_log=False, server_header=False, date_header=False)
    protocol, wire = BoundedProtocol(config=config, server_state=ServerState(), app_state={}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def test_a_head_that_never_ends_ends_the_connection() -> None:
    """One header of any length, sent piece by piece: kept nowhere beyond the limit."""
    protocol, wire = connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    pieces = 0
    while not wire.closed and pieces < 1_000:
        protocol.data_received(b"a" * 1_024)
        pieces += 1
    assert pieces == MAX_HEAD_BYTES // 1_024
    assert wire.written.startswith(b"HTTP/1.1 431 ")
    assert b"headers_too_large" in wire.written


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /?" + b"q" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * (MAX_HEAD_BYTES // 8) + b"\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    ],
    ids=["address", "many headers", "not HTTP", "two lengths"],
)
async def test_what_is_no_head_of_ours_is_refused_before_any_route(head: bytes, status: bytes) -> None:
    protocol, wire = connect()
    protocol.data_received(head)
    assert wire.closed
    assert wire.written.split(b" ")[1] == status
    assert b"application/problem+json" in wire.written


async def test_requests_of_usual_size_pass_also_one_after_the_other() -> None:
    """And pieces of bodies are no heads."""
    protocol, wire = connect()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 8_000 + b"\r\nContent-Length: 40000\r\n\r\n"
    sent = (head + b"b" * 40_000) * 3
    for start in range(0, len(sent), 25_000):  # the second head begins and is cut in a piece with much of a body
        protocol.data_received(sent[start : start + 25_000])
        await pause(0)
        await pause(0)
    assert wire.written.count(b"HTTP/1.1 204") == 3
    assert not wire.closed


async def test_who_does_not_get_on_with_a_head_is_shown_out() -> None:
    """Timers are armed as long as a head is incomplete, and only then."""
    protocol, wire = connect()
    assert protocol._timer is not None
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert protocol._timer is None
    await pause(0)
    protocol.data_received(b"GET / HT")
    assert protocol._timer is not None
    protocol.data_received(b"TP/1.1\r\n")
    protocol._timer._run()  # its time has come
    assert wire.closed
    assert b"HTTP/1.1 408" in wire.written


async def test_too_many_bad_keys_from_one_address_are_429_and_good_keys_still_pass() -> None:
    """Behind one proxy there are many callers."""
    key = new_key()
    app = made(directory(told(stored(key))))

    async def ask(secret: str | None) -> Answer:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {secret}"} if secret else {})
        return await call(app, "POST", "/v1/said", headers=headers, body=b'{"text": "hello"}')

    answers = [await ask(new_key().secret) for _ in range(FAILURES_A_MINUTE + 1)]
    assert {answer.status for answer in answers[:-1]} == {401}
    assert (answers[-1].status, answers[-1].json()["code"]) == (429, "too_many_failures")
    assert answers[-1].headers["retry-after"] == "60"
    assert (await ask(None)).status == 401
    assert (await ask(key.secret)).status == 200
