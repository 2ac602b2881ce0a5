"""Which batches are stored at once: two, so that one computes while the other waits, as long as they share nothing."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from shared.kafka.client import ConsumerRecord
from shared.pipeline.records import Batch

WRITERS = 2
WAITING = 2
# From here on the records of one read make two batches; smaller ones would only double the round trips.
RECORDS_WORTH_TWO_BATCHES = 2_000


class Turns:
    """Hands out batches in the order they were put, each once no earlier one of its partitions is out.

    What is put while a batch waits goes with it, as long as both together are not worth two batches: the slower the
    database, the more records share its round trips, and none queues behind batches that were small when it was quick.
    """

    def __init__(self, most: int = RECORDS_WORTH_TWO_BATCHES) -> None:
        """`most`: no batch becomes larger by what goes with it."""
        self._most = min(most, RECORDS_WORTH_TWO_BATCHES - 1)
        self._waiting: deque[Batch] = deque()
        self._out: frozenset[int] = frozenset()
        self._changed = asyncio.Event()

    async def put(self, batch: Batch) -> bool:
        """False when it has become part of a batch that waits. Waits itself while the two parts of a read do."""
        await self._until(lambda: len(self._waiting) < WAITING or self._go_together(self._waiting[-1], batch))
        if self._waiting and self._go_together(self._waiting[-1], batch):
            self._waiting[-1].grow(batch)
            return False
        self._waiting.append(batch)
        self._changed.set()
        return True

    @asynccontextmanager
    async def next(self) -> AsyncIterator[Batch]:
        """The next batch; its partitions are taken until the end of the block."""
        await self._until(lambda: bool(self._waiting) and not self._out & self._waiting[0].partitions)
        batch = self._waiting.popleft()
        self._out |= batch.partitions
        self._changed.set()
        try:
            yield batch
        finally:
            self._out -= batch.partitions
            self._changed.set()

    def _go_together(self, one: Batch, later: Batch) -> bool:
        same = (one.span.epoch, one.span.rerun) == (later.span.epoch, later.span.rerun)
        return same and one.span.size + later.span.size <= self._most

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()


def in_parts(runs: Sequence[Sequence[ConsumerRecord]]) -> list[list[ConsumerRecord]]:
    """Runs of one partition each as one batch or, when they are worth it, as two of about the same size."""
    parts: list[list[ConsumerRecord]] = [[]]
    if len(runs) > 1 and sum(map(len, runs)) >= RECORDS_WORTH_TWO_BATCHES:
        parts.append([])
    for run in sorted(runs, key=len, reverse=True):
        min(parts, key=len).extend(run)
    return [part for part in parts if part]
