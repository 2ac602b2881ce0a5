"""What was begun and has not ended, so that the next can begin beside it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.25


class UnderWay:
    """Tasks that nobody waits for one by one. What one of them raises is logged as the event `failed`."""

    def __init__(self, failed: str) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it done beside the others."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def some_end(self) -> int:
        """How many have ended once one has; 0 when none does in LOOK_SECONDS, or none is under way."""
        if not self._tasks:
            return 0
        done, _ = await asyncio.wait(self._tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return len(done)

    async def all_end(self) -> None:
        """Returns when nothing is under way. Cancelled, it gives up what is."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(self._failed, exc_info=error)
