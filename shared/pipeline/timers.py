"""Wakes what is due: stored instants, handled in small transactions, never a sweep."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from shared.clock import Clock, pause
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.25

# Handles what is due at `now` in a transaction of its own, up to a limit; returns how many it handled.
Step = Callable[[datetime], Awaitable[int]]


class TimerLoop:
    """Repeats `step`: at once while it finds something due, else four times a second."""

    def __init__(self, name: str, clock: Clock, step: Step) -> None:
        self._name = name
        self._clock = clock
        self._step = step

    async def run(self) -> None:
        """For ever. Failures that pass are waited out; anything else is raised to the supervisor."""
        delay = 0.0
        while True:
            try:
                delay = 0 if await self._step(self._clock.now()) else IDLE_SECONDS
            except Exception as error:
                if not is_transient(error):
                    raise
                delay = min(max(delay, IDLE_SECONDS) * 2, 5)
                log.warning("timer_waits", timer=self._name, error=repr(error), retry_seconds=delay)
            await pause(delay)
