"""Batches of one partition are stored one after the other, those of others beside them."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.clock import pause
from shared.pipeline.records import Batch, PartitionProgress, Span
from shared.pipeline.turns import RECORDS_WORTH_TWO_BATCHES, Turns, in_parts


def batch(number: int, *partitions: int) -> Batch:
    progress = [PartitionProgress(partition, 1, 0) for partition in partitions]
    return Batch(Span(number, False, progress, size=0, oldest_at=0.0), [], [], [])


def read(offsets: range, *, partition: int = 0, rerun: bool = False, epoch: int = 1) -> Batch:
    """Records of one partition; offset 13 could not be decoded."""
    found: list[Any] = [SimpleNamespace(partition=partition, offset=offset) for offset in offsets]
    span = Span(epoch, rerun, [PartitionProgress(partition, offsets.stop, 0)], size=len(found), oldest_at=offsets.start)
    return Batch(span, found, [one for one in found if one.offset != 13], [one for one in found if one.offset == 13])


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


async def test_what_is_put_while_a_batch_waits_goes_with_it() -> None:
    """In its order, and as far as the last of it."""
    turns = Turns()
    await turns.put(read(range(10)))
    async with turns.next():
        alone = [await turns.put(read(range(start, start + 2), partition=start // 20)) for start in (12, 14, 30, 20)]
        assert alone == [True, False, False, False]
    async with turns.next() as one:
        assert [record.offset for record in one.records] == [12, 13, 14, 15, 30, 31, 20, 21]
        assert [record.offset for record in one.dead] == [13]
        assert len(one.received) == 7
        assert (one.span.size, one.span.oldest_at) == (8, 12)
        assert {entry.partition: entry.next_offset for entry in one.span.progress} == {0: 16, 1: 22}
        assert len(one.span.progress) == 2


@pytest.mark.parametrize(
    "later",
    [read(range(10, 20), rerun=True), read(range(10, 20), epoch=2), read(range(10, 21))],
    ids=["stored before", "of another assignment", "too many"],
)
async def test_what_does_not_belong_to_a_waiting_batch_waits_for_its_turn(later: Batch) -> None:
    turns = Turns(20)
    assert await turns.put(read(range(10)))
    assert await turns.put(later)
    async with turns.next() as one:
        assert len(one) == 10
    async with turns.next() as one:
        assert one is later


async def test_who_reads_waits_while_the_two_parts_of_a_read_do() -> None:
    turns = Turns(10)
    for start in (0, 10):
        await turns.put(read(range(start, start + 10)))
    putting = asyncio.create_task(turns.put(read(range(20, 30))))
    await pause(0)
    assert not putting.done()
    async with turns.next() as one:
        assert one.records[0].offset == 0
        assert await putting


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
