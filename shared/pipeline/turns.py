"""Which batches are stored at once: two, so that one computes while the other waits, as long as they share nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.kafka.client import ConsumerRecord
from shared.pipeline.records import Batch

WRITERS = 2
# From here on the records of one read make two batches; smaller ones would only double the round trips.
RECORDS_WORTH_TWO_BATCHES = 2_000


class Turns:
    """Hands out batches in the order they were put, each once no earlier one of its partitions is out."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(1)
        self._begun_in_order = asyncio.Lock()
        self._out: frozenset[int] = frozenset()
        self._one_back = asyncio.Event()

    async def put(self, batch: Batch) -> None:
        """Waits while another batch waits."""
        await self._waiting.put(batch)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[Batch]:
        """The next batch; its partitions are taken until the end of the block."""
        async with self._begun_in_order:
            batch = await self._waiting.get()
            while self._out & batch.partitions:
                self._one_back.clear()
                await self._one_back.wait()
            self._out |= batch.partitions
        try:
            yield batch
        finally:
            self._out -= batch.partitions
            self._one_back.set()


def in_parts(runs: Sequence[Sequence[ConsumerRecord]]) -> list[list[ConsumerRecord]]:
    """Runs of one partition each as one batch or, when they are worth it, as two of about the same size."""
    parts: list[list[ConsumerRecord]] = [[]]
    if len(runs) > 1 and sum(map(len, runs)) >= RECORDS_WORTH_TWO_BATCHES:
        parts.append([])
    for run in sorted(runs, key=len, reverse=True):
        min(parts, key=len).extend(run)
    return [part for part in parts if part]
