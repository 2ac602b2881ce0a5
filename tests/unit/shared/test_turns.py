"""Batches of one partition are stored one after the other, those of others beside them."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from shared.clock import pause
from shared.pipeline.records import Batch, PartitionProgress, Span
from shared.pipeline.turns import RECORDS_WORTH_TWO_BATCHES, Turns, in_parts


def batch(number: int, *partitions: int) -> Batch:
    progress = [PartitionProgress(partition, 1, 0) for partition in partitions]
    return Batch(Span(number, False, progress, size=0, oldest_at=0.0), [], [], [])


class Workers:
    """Two workers that hold what they took until they are let go on."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.turns = Turns()
        self.begun: list[int] = []
        self.ends: dict[int, asyncio.Event] = {one.span.epoch: asyncio.Event() for one in batches}
        self.tasks = [asyncio.create_task(self._work()) for _ in range(2)]
        self.tasks.append(asyncio.create_task(self._feed(batches)))

    async def _feed(self, batches: Sequence[Batch]) -> None:
        for one in batches:
            await self.turns.put(one)

    async def _work(self) -> None:
        while True:
            async with self.turns.next() as one:
                self.begun.append(one.span.epoch)
                await self.ends[one.span.epoch].wait()

    async def quiet(self) -> list[int]:
        """What was begun once nothing moves any more."""
        for _ in range(50):
            await pause(0)
        return self.begun

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()


async def test_batches_without_a_common_partition_are_out_at_once() -> None:
    workers = Workers([batch(1, 0, 1), batch(2, 2), batch(3, 3)])
    assert await workers.quiet() == [1, 2]
    workers.ends[1].set()
    assert await workers.quiet() == [1, 2, 3]
    workers.close()


async def test_batch_waits_for_the_earlier_one_of_its_partition_and_nobody_overtakes_it() -> None:
    workers = Workers([batch(1, 0), batch(2, 0, 1), batch(3, 1), batch(4, 2)])
    assert await workers.quiet() == [1]
    workers.ends[1].set()
    assert await workers.quiet() == [1, 2]
    workers.ends[2].set()
    assert await workers.quiet() == [1, 2, 3, 4]
    workers.close()


def records(partition: int, count: int) -> list[Any]:
    return [SimpleNamespace(partition=partition, offset=offset) for offset in range(count)]


def test_large_read_makes_two_batches_of_about_the_same_size_with_whole_partitions() -> None:
    half = RECORDS_WORTH_TWO_BATCHES // 2
    parts = in_parts([records(0, half), records(1, half // 2), records(2, half // 2)])
    assert sorted(len(part) for part in parts) == [half, half]
    assert [{record.partition for record in part} for part in parts] == [{0}, {1, 2}]


def test_small_read_and_read_of_one_partition_stay_one_batch_in_order() -> None:
    assert len(in_parts([records(0, 10), records(1, 20)])) == 1
    (part,) = in_parts([records(4, RECORDS_WORTH_TWO_BATCHES)])
    assert [record.offset for record in part] == list(range(RECORDS_WORTH_TWO_BATCHES))


def test_nothing_makes_no_batch() -> None:
    assert in_parts([]) == []
