"""Wakes what is due: stored instants, handled in small transactions, never a sweep."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog

from shared.clock import Clock, happens, pause
from shared.pipeline.settled import SettledClock
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.25
# For what nobody waits for: tidying up.
TIDY_SECONDS = 30.0

# How long what was begun may take to end when the service stops.
FINISH_SECONDS = 8.0

# Handles what is due at `now` in a transaction of its own, up to a limit; returns how many it handled.
Step = Callable[[datetime], Awaitable[int]]
# Returns when everything that steps began has ended.
Finish = Callable[[], Awaitable[None]]


async def nothing_begun() -> None:
    """Of steps that end what they begin."""


class TimerLoop:
    """Repeats `step`: at once while it finds something due, else every `idle_seconds` of real time.

    A clock of what is settled stands still for longer than that; when it moves, the loop goes on at once.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        step: Step,
        *,
        idle_seconds: float = IDLE_SECONDS,
        worked: Callable[[], None] = lambda: None,
        finish: Finish = nothing_begun,
    ) -> None:
        """`worked` is called after each step that found something, `finish` at the end, for FINISH_SECONDS at most."""
        self._name = name
        self._clock = clock
        self._step = step
        self._idle_seconds = idle_seconds
        self._worked = worked
        self._finish = finish

    async def run(self) -> None:
        """For ever. Failures that pass are waited out; anything else is raised to the supervisor."""
        try:
            await self._repeat()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_SECONDS):
                    await self._finish()

    async def _repeat(self) -> None:
        delay = 0.0
        while True:
            moved = self._clock.moved if isinstance(self._clock, SettledClock) else asyncio.Event()
            try:
                handled = await self._step(self._clock.now())
            except Exception as error:
                if not is_transient(error):
                    raise
                delay = min(max(delay, IDLE_SECONDS) * 2, 5)
                log.warning("timer_waits", timer=self._name, error=repr(error), retry_seconds=delay)
                await pause(delay)
                continue
            delay = 0.0
            if handled:
                self._worked()
                await pause(0)
            else:
                await happens(moved, within=self._idle_seconds)
