"""Posts the crowd's events at a steady pace and writes down what was accepted; unknown answers are sent again."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared.clock import pause
from tests.faults.crowd import Crowd
from tests.faults.truth import TruthFile

BATCH = 20
SENDERS = 6
_RETRY_SECONDS = 0.2


@dataclass(slots=True)
class Answers:
    """How ingest answered. `0` stands for no answer; a 503 is to say when to come again."""

    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0


class Load:
    """Emits while it is open (an async context manager); nothing is outstanding when it has closed."""

    def __init__(self, url: str, key: str, *, crowd: Crowd, truth: TruthFile, rate: float) -> None:
        self.answers = Answers()
        self._url = url + "/v1/interactions"
        self._key = key
        self._crowd = crowd
        self._truth = truth
        self._pace = BATCH * SENDERS / rate
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Load":
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}"}, timeout=aiohttp.ClientTimeout(total=15)
        )
        self._stop.clear()
        self._tasks = [asyncio.create_task(self._emit()) for _ in range(SENDERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        assert self._session is not None
        await self._session.close()

    async def send(self, events: Sequence[dict[str, Any]]) -> None:
        """Returns when all of them are accepted and in the truth file."""
        while not await self._accepted(events):
            await pause(_RETRY_SECONDS)
        self._truth.append(events)

    async def _emit(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            await self.send(self._crowd.batch(BATCH))
            await pause(max(0.0, self._pace - (time.monotonic() - began)))

    async def _accepted(self, events: Sequence[dict[str, Any]]) -> bool:
        assert self._session is not None
        try:
            async with self._session.post(self._url, json=list(events)) as answer:
                status, body = answer.status, await answer.json(content_type=None)
                retry_after = answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            self.answers.statuses[0] += 1
            return False
        self.answers.statuses[status] += 1
        if status == 202:
            assert body["accepted"] == len(events), body
            return True
        if status == 401 and not self.answers.statuses[202]:
            return False  # the key was made a moment ago; later nobody may forget it
        assert status in (429, 503), (status, body)
        self.answers.without_retry_after += not retry_after.isdigit()
        return False
