"""Sends what is due: claim, attempt, complete; never inside a transaction."""

from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from services.notify.domain.attempts import ATTEMPT_SECONDS, LEASE_SECONDS, Attempt
from services.notify.metrics import NotifyMetrics
from services.notify.timers.claims import Claims, Task
from services.notify.timers.closing import Closing
from services.notify.timers.underway import UnderWay
from shared.clock import Clock, pause
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

# Claimed together and attempted at once, so that no attempt waits for its turn while its lease runs.
CONCURRENT_ATTEMPTS = 20
# Fewer than these wait for others: a claim costs the same for one.
WORTH_A_CLAIM = 10
# Of an imported history thousands are stale, which takes no attempt; otherwise the attempts soon are as many as may be.
# What is looked at and not decided is read for nothing, so a claim looks at twice as many as the one before decided. If
# that was none, all it looked at was locked by another process, or nothing was due and looking at more costs nothing.
FEWEST_DECISIONS = 40
MOST_DECISIONS = 400
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
        # The leases of those that fail end by themselves, and then they are looked at again.
        self._attempts = UnderWay("attempt_failed")
        self._closings = UnderWay("closing_failed")
        self._mailer = mailer
        self._clock = clock
        self._metrics = metrics
        self._decisions = FEWEST_DECISIONS

    async def step(self, now: datetime) -> int:
        """Decide about what is due and begin the attempts; returns how many were decided, or ended while none was.

        Attempts are closed beside the next ones: with a distant database all of it takes seconds.
        """
        decided = 0
        if (free := CONCURRENT_ATTEMPTS - len(self._attempts)) >= WORTH_A_CLAIM:
            decided, tasks = await self._claims.claim(now, free, decisions=self._decisions)
            self._decisions = min(max(2 * (decided or self._decisions), FEWEST_DECISIONS), MOST_DECISIONS)
            for task in tasks:
                self._attempts.begin(self._attempt(task))
        return decided or await self._attempts.some_end() or await self._closings.some_end()

    async def finish(self) -> None:
        """What is under way is finished, or mail to customers would be unknown for ever."""
        await self._attempts.all_end()
        await self._closings.all_end()

    async def _attempt(self, task: Task) -> None:
        started = monotonic()
        attempt = await self._mailer.deliver(task, self._clock.now())
        self._metrics.count_attempt(attempt, monotonic() - started)
        self._closings.begin(self._close(task, attempt, started))

    async def _close(self, task: Task, attempt: Attempt, started: float) -> None:
        while True:
            try:
                return await self._closing.close(task, attempt)
            except Exception as error:
                if not is_transient(error) or monotonic() - started > LEASE_SECONDS + ATTEMPT_SECONDS:
                    raise
                log.warning("completion_waits", error=type(error).__name__)
            await pause(COMPLETE_AGAIN_SECONDS)
