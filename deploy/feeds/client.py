"""Sends events to ingest as any other system would: over its public API, again until it has answered for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
import msgspec

from shared.clock import pause
from shared.errors import ConfigurationError, EbbtideError, TransientError

MAX_EVENTS = 500
MAX_WAIT_SECONDS = 60.0
# Longer than ingest waits for the broker, so that its answer is heard.
_ANSWER_SECONDS = 30.0

Batch = TypeVar("Batch")


class Refusal(msgspec.Struct, frozen=True):
    """One event that ingest did not take."""

    index: int
    id: str | None
    field: str
    code: str
    reason: str


class Receipt(msgspec.Struct, frozen=True):
    """What ingest answered for one request."""

    accepted: int
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Again:
    """No answer for the events: wait, then send them again. What arrived already counts once."""

    why: str
    after_seconds: float | None = None


class InteractionsClient:
    """A connection to one ingest with one key. Use as an async context manager."""

    def __init__(self, url: str, key: str, *, patience_seconds: float = 300.0, connections: int = 8) -> None:
        self._url = url.rstrip("/") + "/v1/interactions"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._patience_seconds = patience_seconds
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "InteractionsClient":
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
            connector=aiohttp.TCPConnector(limit=self._connections),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, events: Sequence[Any]) -> Receipt:
        """Ingest's answer for up to 500 events, all of which are durable or refused by then.

        Repeats after 429, 5xx, time-outs and lost connections, as long as patience lasts; then TransientError.
        Raises ConfigurationError when repeating cannot help (a bad key, a wrong address).
        """
        body = msgspec.json.encode(events)
        deadline = time.monotonic() + self._patience_seconds
        delay = 0.2
        while True:
            answer = await self._post(body)
            if isinstance(answer, Receipt):
                return answer
            wait = min(delay if answer.after_seconds is None else answer.after_seconds, MAX_WAIT_SECONDS)
            if time.monotonic() + wait > deadline:
                raise TransientError(f"ingest did not take events for {self._patience_seconds:g} s: {answer.why}")
            await pause(wait)
            delay = min(delay * 2, 5.0)

    async def _post(self, body: bytes) -> Receipt | _Again:
        if self._session is None:
            raise EbbtideError("the client is not open")
        try:
            async with self._session.post(self._url, data=body) as response:
                text = await response.read()
                status, media_type = response.status, response.content_type
                retry_after = response.headers.get("Retry-After", "")
        except aiohttp.InvalidURL:
            raise ConfigurationError(f"{self._url} is not an address of ingest.") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _Again(f"{self._url} does not answer ({type(error).__name__})")
        if status == 202 or (status == 422 and media_type == "application/json"):
            try:
                return msgspec.json.decode(text, type=Receipt)
            except msgspec.MsgspecError:
                raise ConfigurationError(f"{self._url} does not answer as ingest does.") from None
        if status == 429 or status >= 500:
            return _Again(f"it answers {status}", float(retry_after) if retry_after.isdigit() else None)
        raise ConfigurationError(f"{self._url} refused the request with {status}: {_detail(text)}")


def _detail(text: bytes) -> str:
    try:
        return str(msgspec.json.decode(text)["detail"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "it does not say why."


async def send_all(
    batches: Iterator[Batch],
    send: Callable[[Batch], Awaitable[Receipt]],
    told: Callable[[Batch, Receipt], None],
    *,
    in_flight: int = 4,
) -> None:
    """Send every batch, `in_flight` of them at a time; `told` hears each answer as it comes, in any order.

    The first failure stops the rest and is raised. Batches are made only when there is room for them.
    """

    async def worker() -> None:
        for batch in batches:
            told(batch, await send(batch))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except* EbbtideError as failures:
        raise failures.exceptions[0] from None
