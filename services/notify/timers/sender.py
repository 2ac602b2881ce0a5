"""Sends what is due: claim, attempt, complete; never inside a transaction."""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from services.notify.domain.attempts import ATTEMPT_SECONDS, LEASE_SECONDS, Attempt
from services.notify.metrics import NotifyMetrics
from services.notify.timers.claims import Claims, Task
from services.notify.timers.closing import Closing
from shared.clock import Clock, pause
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

# Claimed together and attempted at once, so that no attempt waits for its turn while its lease runs.
CONCURRENT_ATTEMPTS = 20
# Most decisions are quick: of an imported history thousands of notifications are stale.
DECISIONS = 400
STOP_SECONDS = 8.0
COMPLETE_AGAIN_SECONDS = 0.5


class Mailer(Protocol):
    """Writes the letter of a task and hands it to the mail server."""

    async def deliver(self, task: Task, now: datetime) -> Attempt:
        """Over within ATTEMPT_SECONDS; never raises for what templates, server or network do."""
        ...


class Sender:
    """The one place where mail leaves."""

    def __init__(self, claims: Claims, mailer: Mailer, *, clock: Clock, metrics: NotifyMetrics) -> None:
        self._claims = claims
        self._closing = Closing(claims, clock)
        self._mailer = mailer
        self._clock = clock
        self._metrics = metrics

    async def step(self, now: datetime) -> int:
        """Decide about what is due and make the attempts; returns how many notifications were handled."""
        count, tasks = await self._claims.claim(now, CONCURRENT_ATTEMPTS, decisions=DECISIONS)
        if not tasks:
            return count
        attempts = asyncio.gather(*(self._attempt(task) for task in tasks), return_exceptions=True)
        try:
            results = await asyncio.shield(attempts)
        except asyncio.CancelledError:
            # The service stops: what is under way is finished, or it would be unknown for ever.
            await asyncio.wait([attempts], timeout=STOP_SECONDS)
            raise
        for result in results:
            if isinstance(result, BaseException):
                # The lease ends by itself, and then the notification is looked at again.
                log.error("attempt_failed", exc_info=result)
        return count

    async def _attempt(self, task: Task) -> None:
        started = monotonic()
        attempt = await self._mailer.deliver(task, self._clock.now())
        self._metrics.count_attempt(attempt, monotonic() - started)
        while True:
            try:
                return await self._closing.close(task, attempt)
            except Exception as error:
                if not is_transient(error) or monotonic() - started > LEASE_SECONDS + ATTEMPT_SECONDS:
                    raise
                log.warning("completion_waits", error=type(error).__name__)
            await pause(COMPLETE_AGAIN_SECONDS)
