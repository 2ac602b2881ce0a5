"""Members come and go under load: nothing is lost, nothing counts twice."""

import asyncio
import contextlib

from tests.support.tally.bench import Bench, all_ids, events
from tests.support.waiting import eventually


async def test_a_second_member_joins_and_leaves_under_load(bench: Bench) -> None:
    """Counted once each in the store, and the last record of every key is what the store holds."""
    expected: list[str] = []
    left = asyncio.Event()

    async def load() -> None:
        while not left.is_set():
            some = events(100, references=50, prefix=f"e{len(expected)}-")
            await bench.emit(*some)
            expected.extend(one.id for one in some)

    async with bench.process(relay=True, max_records=150) as first:
        loading = asyncio.create_task(load())

        async def working() -> int:
            return first.count("applied")

        await eventually(working, what="the first member at work")
        async with bench.process(relay=True, max_records=150) as second:

            async def shares() -> int:
                return second.count("applied") + second.count("duplicate")

            await eventually(shares, what="the second member at work")
        left.set()
        await loading
        await bench.finished(len(expected))
    assert all_ids(await bench.stored()) == sorted(expected)


async def test_what_a_member_has_in_hand_is_finished_before_its_partitions_go(bench: Bench) -> None:
    """A planned change of owners repeats nothing but the record that proves that the log is the same."""
    await bench.emit(*events(40))
    async with bench.process(held=True) as first, contextlib.AsyncExitStack() as stack:
        await first.publisher.waiting.wait()
        joining = asyncio.create_task(stack.enter_async_context(bench.process()))

        async def revoking() -> bool:
            return first.pipeline.not_ready() == "the assignment of partitions"

        await eventually(revoking, what="the revocation")
        first.publisher.gate.set()
        second = await joining
        await bench.finished(40)
        await eventually(second.assigned, what="the second member's share")
        assert first.count("applied") == 40
        assert first.count("duplicate") + second.count("duplicate") <= 1
