"""Other services, asked with the key of whoever looks, so that they decide what this person may see."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import aiohttp
import msgspec
import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")
Why = Literal["not_configured", "no_key", "away", "refused", "none", "unreadable"]

PATIENCE_SECONDS = 2.0
MOST_BYTES = 4 * 1024 * 1024
MOST_CONNECTIONS = 40
_REFUSED = {401: "refused", 403: "refused", 404: "none"}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nothing came back, and why. `none`: the service does not know of it."""

    why: Why


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask which service for."""

    service: str
    path: str
    params: Mapping[str, str]


class Neighbours:
    """One HTTP client a process. `urls` is where services are; one that is left out is not configured.

    Every answer comes within two seconds, is at most 4 MiB, and is taken from nowhere but the address given: redirects
    are not followed, and no proxy or cookie of the environment is used. Neither keys nor addresses are logged.
    """

    def __init__(self, urls: Mapping[str, str | None]) -> None:
        self._urls = {service: url.rstrip("/") for service, url in urls.items() if url}
        self._client: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Holds the client until it is cancelled. Before and after, everybody is away."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
            auto_decompress=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        ) as client:
            self._client = client
            try:
                await asyncio.Event().wait()
            finally:
                self._client = None

    async def ask(self, question: Question, kind: type[T], *, key: str | None, correlation_id: str) -> T | Unanswered:
        """The answer, read as `kind`, or why there is none. Never raises for what a neighbour does."""
        if question.service not in self._urls:
            return Unanswered("not_configured")
        if key is None:
            return Unanswered("no_key")
        found = await self._get(question, {"Authorization": f"Bearer {key}", "X-Correlation-ID": correlation_id})
        if isinstance(found, bytes):
            try:
                return msgspec.json.decode(found, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                found = Unanswered("unreadable")
        if found.why in ("away", "unreadable"):
            log.warning("neighbour_unanswered", service=question.service, why=found.why)
        return found

    async def _get(self, question: Question, headers: Mapping[str, str]) -> bytes | Unanswered:
        if self._client is None:
            return Unanswered("away")
        url = self._urls[question.service] + question.path
        try:
            async with self._client.get(url, params=question.params, headers=headers, allow_redirects=False) as answer:
                if answer.status == 200:
                    return await _body(answer)
                return Unanswered(_REFUSED.get(answer.status, "away"))  # type: ignore[arg-type]  # of the three above
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return Unanswered("away")


async def _body(answer: aiohttp.ClientResponse) -> bytes | Unanswered:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            answer.close()
            return Unanswered("unreadable")
    return bytes(body)
