"""Repeats what fails until it works, says what is waited for meanwhile, and shows whether work gets on."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import structlog

from shared.clock import pause
from shared.errors import StaleReadError, StoppedError
from shared.kafka.client import KafkaError
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 5.0
# What was stopped is mended by people, and trying again costs a batch taken apart.
FIRST_STOP_SECONDS = 1.0
LONGEST_STOP_SECONDS = 30.0

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Work:
    """What a stage is at. `steps` grows as it gets on, and whenever it is known why it does not.

    `waits_for` is why it is to be done again, `stopped` that only people can mend that; `resting` until that is tried.
    """

    stage: str
    steps: int = 0
    waits_for: str | None = None
    stopped: bool = False
    resting: bool = False


class Patience:
    """Of one subscription."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._at_work: list[Work] = []

    @property
    def at_work(self) -> Iterator[Work]:
        """What is being done, and what is to be done again."""
        return iter(tuple(self._at_work))

    async def until_done(self, stage: str, attempt: Callable[[Work], Awaitable[T]]) -> T:
        """Repeat until it works: at once after a stale read, else with back-off; the partition waits meanwhile.

        What is neither transient nor stopped is a defect: it is repeated as well, loudly and slowly, because skipping
        would lose it.
        """
        work = Work(stage)
        self._at_work.append(work)
        delay = FIRST_RETRY_SECONDS
        try:
            while True:
                try:
                    return await attempt(work)
                except StaleReadError as error:
                    log.info("read_again", topic=self._topic, stage=stage, reason=str(error))
                    await pause(0)
                except Exception as error:
                    delay = self._failed(work, error, delay)
                    await pause(delay)
                    work.resting = False
                    delay *= 2
        finally:
            self._at_work.remove(work)

    def _failed(self, work: Work, error: Exception, delay: float) -> float:
        """Say so; returns for how long to wait."""
        work.stopped = isinstance(error, StoppedError)
        work.waits_for = f"{work.stage} of {self._topic}: {type(error).__name__}"
        if work.stopped:
            work.waits_for = f"{self._topic} has stopped: {error}"
            delay = min(max(delay, FIRST_STOP_SECONDS), LONGEST_STOP_SECONDS)
            log.critical("stopped", topic=self._topic, reason=str(error), retry_seconds=delay)
        elif is_transient(error) or isinstance(error, KafkaError):
            delay = min(delay, LONGEST_RETRY_SECONDS)
            log.warning("waits", topic=self._topic, stage=work.stage, error=repr(error), retry_seconds=delay)
        else:
            log.exception("stuck", topic=self._topic, stage=work.stage)
            return LONGEST_RETRY_SECONDS
        work.steps += 1
        work.resting = True
        return delay
