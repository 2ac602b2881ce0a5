"""Other services asked for what the page shows: how each kind of answer, and none at all, is taken."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog
from aiohttp import web

from services.alerts.console.neighbours import MOST_BYTES, PATIENCE_SECONDS, Neighbours, Question, Unanswered
from shared.clock import pause
from tests.integration.alerts.upstream import serving
from tests.support.waiting import eventually

ASKED = Question("scoring", "/v1/scores/c1", {"limit": "3"})
KEY = "ebb_k1_very-secret"


class Answer(msgspec.Struct):
    value: int


@asynccontextmanager
async def asking(url: str | None) -> AsyncIterator[Neighbours]:
    neighbours = Neighbours({"scoring": url})
    running = asyncio.create_task(neighbours.run())
    try:
        await pause(0)
        yield neighbours
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ask(neighbours: Neighbours, key: str | None = KEY) -> Answer | Unanswered:
    return await neighbours.ask(ASKED, Answer, key=key, correlation_id="c0ffee0c0ffee")


async def test_a_neighbour_is_asked_with_the_persons_key_and_the_id_of_the_request() -> None:
    seen: list[web.BaseRequest] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.json_response({"value": 7, "more": "x"})

    async with serving(handle) as url, asking(url + "/") as neighbours:
        assert await ask(neighbours) == Answer(7)
        (request,) = seen
    assert request.path_qs == "/v1/scores/c1?limit=3"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["X-Correlation-ID"] == "c0ffee0c0ffee"
    assert "Cookie" not in request.headers


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(status=401), "refused"),
        (web.Response(status=403), "refused"),
        (web.Response(status=404), "none"),
        (web.Response(status=503), "away"),
        (web.Response(status=302, headers={"Location": "/elsewhere"}), "away"),
        (web.Response(text="no json"), "unreadable"),
        (web.Response(body=b'{"value": "seven"}'), "unreadable"),
        (web.Response(body=b"[" * 5_000), "unreadable"),
        (web.Response(body=b'{"more":' + b"[" * 5_000), "unreadable"),
        (web.Response(body=b'{"value": 7' + b" " * MOST_BYTES + b"}"), "unreadable"),
    ],
)
async def test_what_is_no_answer_has_a_reason(answer: web.Response, why: str) -> None:
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return answer

    with structlog.testing.capture_logs() as logs:
        async with serving(handle) as url, asking(url) as neighbours:
            assert await ask(neighbours) == Unanswered(why)  # type: ignore[arg-type]
    assert asked == ["/v1/scores/c1"], "redirects are not followed"
    assert KEY not in str(logs)
    assert "c1" not in str(logs)


async def test_who_says_nothing_is_away_after_two_seconds() -> None:
    held = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.Response:
        await held.wait()
        return web.Response()

    async with serving(handle) as url, asking(url) as neighbours:
        began = asyncio.get_running_loop().time()
        assert await ask(neighbours) == Unanswered("away")
        assert PATIENCE_SECONDS - 0.1 < asyncio.get_running_loop().time() - began < PATIENCE_SECONDS + 2
        held.set()


async def test_who_is_not_there_or_not_known_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with asking(f"http://127.0.0.1:{port}") as neighbours:
        assert await ask(neighbours) == Unanswered("away")
        assert await ask(neighbours, key=None) == Unanswered("no_key")
    assert await ask(neighbours) == Unanswered("away"), "the client is closed with its process"
    async with asking(None) as neighbours:
        assert await ask(neighbours) == Unanswered("not_configured")


async def test_the_client_lives_as_long_as_its_loop() -> None:
    async def handle(request: web.BaseRequest) -> web.Response:
        return web.json_response({"value": 1})

    async with serving(handle) as url:
        neighbours = Neighbours({"scoring": url})
        running = asyncio.create_task(neighbours.run())

        async def answered() -> bool:
            return await ask(neighbours) == Answer(1)

        await eventually(answered, what="an answer")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await ask(neighbours) == Unanswered("away")
