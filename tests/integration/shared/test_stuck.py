"""A subscription that has work and does not get on ends its process; the next one goes on from what is stored."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from structlog.testing import capture_logs

from shared.contracts import Interaction
from shared.errors import StuckError
from shared.pipeline import Outcome, Received
from shared.pipeline.watchdog import LOOKS, Watchdog
from shared.postgres import Connection
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.process import Process
from tests.support.tally.service import on_events
from tests.support.waiting import eventually


async def ended(one: Process) -> str:
    """What the pipeline ended with."""
    assert one.running is not None
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(one.running, 60)
    (error,) = raised.value.exceptions
    assert isinstance(error, StuckError)
    return str(error)


def watchdog_of(one: Process) -> Watchdog:
    """One that a test looks with."""
    return Watchdog(one.topic.name, one.pipeline, seconds=120, still=one.metrics.no_progress)


async def test_a_handler_that_never_returns_ends_the_process(bench: Bench) -> None:
    never = asyncio.Event()

    async def hangs(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        outcome = await on_events(connection, records)
        await never.wait()
        return outcome

    await bench.emit(*events(20))
    with capture_logs() as logs:
        async with bench.process(handler=hangs, watchdog_seconds=0.6) as one:
            reason = await ended(one)
            assert reason.startswith(f"store of {one.topic.name} has not got on")
    assert [entry["reason"] for entry in logs if entry["event"] == "stuck_for_good"] == [reason]
    assert (await bench.progress(), await bench.committed()) == ({}, {})
    async with bench.process():
        await bench.finished(20)
    assert all_ids(await bench.stored()) == sorted(f"e{number}" for number in range(20))


async def test_a_reader_that_gets_nothing_ends_the_process(bench: Bench) -> None:
    """The broker has records and the client does not fetch them: here because it was told to pause."""
    await bench.emit(*events(5))
    async with bench.process() as one:
        await bench.finished(5)
        watchdog = watchdog_of(one)
        await watchdog.look()
        consumer = one.pipeline._consumer()
        assert consumer is not None
        partitions = [TopicPartition(one.topic.name, number) for number in (0, 1)]
        consumer.pause(*partitions)
        await bench.emit(*events(5, prefix="later"))
        for _ in range(LOOKS):
            await watchdog.look()
        with pytest.raises(StuckError, match=r"reading of .*/0 at offset 5 has not got on"):
            await watchdog.look()
        consumer.resume(*partitions)
        await bench.finished(10)


async def test_rest_and_the_marks_of_others_transactions_are_no_work(bench: Bench) -> None:
    """An end mark is an offset that nobody reads."""
    producer = AIOKafkaProducer(bootstrap_servers=bench.lease.kafka_bootstrap, transactional_id=bench.group)
    await producer.start()
    async with producer.transaction():
        await bench.send_with(producer, *events(2))
    await producer.stop()
    async with bench.process() as one:
        await bench.finished(2)

        async def past_the_mark() -> bool:
            return await one.pipeline.unread() == {}

        await eventually(past_the_mark, what="the end of the log")


async def test_a_database_that_is_away_is_waited_for(bench: Bench) -> None:
    """Attempt after attempt fails, for longer than the watchdog's limit."""
    attempts: list[int] = []

    async def away(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        attempts.append(1)
        if len(attempts) < 7:
            raise ConnectionError("gone")
        return await on_events(connection, records)

    await bench.emit(*events(3))
    async with bench.process(handler=away, watchdog_seconds=0.6) as one:
        await bench.finished(3)
        assert one.running is not None
        assert not one.running.done()


async def test_a_long_backlog_that_moves_is_left_alone(bench: Bench) -> None:
    """Many small batches, each looked at while it is under way."""
    await bench.emit(*events(120, references=20))
    async with bench.process(max_records=2, held=True) as one:
        watchdog = watchdog_of(one)
        looks = 0
        while one.count("applied") < 120:
            one.publisher.gate.set()
            await watchdog.look()
            await watchdog.look()
            done = one.count("applied")
            looks += 2

            async def moved(done: int = done) -> bool:
                return one.count("applied") > done or done == 120

            await eventually(moved, what="the next batch")
        assert looks > LOOKS
