"""Notices that a subscription has work and does not get on, although nothing is away: only a new process helps then."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import structlog
from prometheus_client import Gauge

from shared.clock import pause
from shared.errors import StuckError
from shared.pipeline.patience import Work

log = structlog.get_logger(__name__)

# Patience is counted in looks, not by a clock: a process that was stopped, or a machine that slept, only looked less.
LOOKS = 12


class Watched(Protocol):
    """What is looked at."""

    @property
    def at_work(self) -> Iterator[Work]:
        """What is being done."""
        ...

    async def unread(self) -> Mapping[int, int]:
        """Partitions that hold records to be read, and the offset each is to be read from; by what the broker says."""
        ...

    async def is_cut_off(self) -> bool:
        """Database or broker do not answer."""
        ...


class Watchdog:
    """Looks at one subscription again and again. `seconds`: for how long nothing may get on."""

    def __init__(self, topic: str, watched: Watched, *, seconds: float, still: Gauge) -> None:
        self._topic = topic
        self._watched = watched
        self._seconds = seconds
        self._gauge = still.labels(topic=topic)
        # What is to be done (a partition to be read, or work), where it stood at the last look, and for how many looks.
        self._still: dict[int | Work, tuple[int, int]] = {}

    async def run(self) -> None:
        """For ever; raises StuckError as `look` does."""
        while True:
            await pause(self._seconds / LOOKS)
            await self.look()

    async def look(self) -> None:
        """Raises StuckError when something stands where it stood so many looks ago and nothing is away."""
        signs: dict[int | Work, int] = dict((await self._watched.unread()).items())
        signs.update((work, work.steps) for work in self._watched.at_work if not work.resting)
        self._still = {what: (sign, self._looks(what, sign)) for what, sign in signs.items()}
        what, (sign, looks) = max(self._still.items(), key=lambda one: one[1][1], default=(0, (0, 0)))
        self._gauge.set(looks * self._seconds / LOOKS)
        if looks < LOOKS:
            return
        if await self._watched.is_cut_off():
            self._still.clear()
            return
        name = self._topic
        at = f"{what.stage} of {name}" if isinstance(what, Work) else f"reading of {name}/{what} at offset {sign}"
        reason = f"{at} has not got on for {self._seconds:g} s, and nothing is away"
        log.critical("stuck_for_good", topic=self._topic, reason=reason)
        raise StuckError(reason)

    def _looks(self, what: int | Work, sign: int) -> int:
        stood, looks = self._still.get(what, (None, -1))
        return looks + 1 if stood == sign else 0
