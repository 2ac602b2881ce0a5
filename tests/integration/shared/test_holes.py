"""Offsets that do not come: read again, and if they are gone for good, halt; only compaction may leave holes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition

from shared.kafka.topics import ANYONE, Topic
from shared.pipeline.assignment import Assignment
from shared.pipeline.records import PartitionProgress, fingerprint
from shared.pipeline.store import PipelineStore
from shared.postgres import Database
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.service import EVENTS
from tests.support.waiting import eventually


class Log:
    """A consumer whose position a test looks at; the log has the offsets 0 to 9, of which the client knows nothing."""

    def __init__(self) -> None:
        self.sought: list[int] = []
        self.next_offset = 0

    def highwater(self, one: TopicPartition) -> int | None:
        return None

    async def position(self, one: TopicPartition) -> int:
        return self.next_offset

    async def beginning_offsets(self, ones: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(ones, 0)

    async def end_offsets(self, ones: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(ones, 10)

    async def committed(self, one: TopicPartition) -> int | None:
        return None

    def seek(self, one: TopicPartition, offset: int) -> None:
        self.sought.append(offset)


def records(topic: Topic, *offsets: int) -> list[Any]:
    return [ConsumerRecord(topic.name, 0, one, 1_000, 0, b"k", b"v", None, 1, 1, ()) for one in offsets]


async def assigned(bench: Bench, topic: Topic, log: Log) -> Assignment:
    async with Database(bench.dsn, application="tests") as database:
        assignment = Assignment(topic, database)
        await assignment.resolve(log, [0])
    return assignment


def admitted(assignment: Assignment, log: Log, found: Sequence[Any]) -> list[int]:
    return [record.offset for _, run in assignment.admit(log, found) for record in run]


async def test_a_batch_that_lacks_what_is_due_is_put_back(bench: Bench) -> None:
    """The client may drop what it has read; nothing after it is begun before it has come."""
    log = Log()
    assignment = await assigned(bench, EVENTS, log)
    assert admitted(assignment, log, records(EVENTS, 0, 1)) == [0, 1]
    assert admitted(assignment, log, records(EVENTS, 4, 5)) == []
    assert log.sought == [0, 2]
    assert admitted(assignment, log, records(EVENTS, 2, 3, 4)) == [2, 3, 4]
    assert not assignment.halted


async def test_offsets_that_never_come_halt_the_partition(bench: Bench) -> None:
    log = Log()
    assignment = await assigned(bench, EVENTS, log)
    for _ in range(4):
        assert admitted(assignment, log, records(EVENTS, 3)) == []
    assert "offsets 0 to 3 are missing" in assignment.halted[0]
    assert admitted(assignment, log, records(EVENTS, 0, 1)) == []


@pytest.mark.parametrize("change", [{"cleanup": "compact"}, {"writer": ANYONE}], ids=["compaction", "transactions"])
async def test_compaction_and_the_transactions_of_others_may_leave_holes(bench: Bench, change: Any) -> None:
    """The first one is put back, in case the client dropped what it had read; then they are taken as they are."""
    log = Log()
    topic = dataclasses.replace(EVENTS, **change)
    assignment = await assigned(bench, topic, log)
    assert admitted(assignment, log, records(topic, 3, 7)) == []
    assert admitted(assignment, log, records(topic, 3, 7)) == [3, 7]
    assert admitted(assignment, log, records(topic, 9)) == [9]


async def test_what_is_not_ours_is_not_begun(bench: Bench) -> None:
    log = Log()
    assignment = await assigned(bench, EVENTS, log)
    assignment.revoke()
    assert admitted(assignment, log, records(EVENTS, 0)) == []


async def test_a_hole_in_a_real_log_halts_its_partition_and_is_told(bench: Bench) -> None:
    """Here a transaction's end mark took an offset; our writers use none."""
    await bench.emit(*events(2))
    producer = AIOKafkaProducer(bootstrap_servers=bench.lease.kafka_bootstrap, transactional_id=bench.group)
    await producer.start()
    async with producer.transaction():
        await bench.send_with(producer, *events(2, prefix="t"))
    await producer.stop()
    async with bench.process() as one:
        await bench.finished(4)
        await bench.emit(*events(1, prefix="after"))

        async def halted() -> bool:
            return "are missing from the log" in (one.pipeline.not_ready() or "")

        await eventually(halted, what="the halt")
    assert "after0" not in all_ids(await bench.stored())


@pytest.mark.parametrize("cleanup", ["delete", "compact"])
async def test_a_log_that_went_back_is_read_again(bench: Bench, cleanup: Any) -> None:
    """It was cut while it was read: what comes may be new under an old offset, nothing counts as set aside before."""
    log = Log()
    topic = dataclasses.replace(EVENTS, cleanup=cleanup)
    assignment = await assigned(bench, topic, log)
    assert admitted(assignment, log, records(topic, 0, 1, 2)) == [0, 1, 2]
    (rerun, run), *rest = assignment.admit(log, records(topic, 0, 1))
    assert not rerun
    assert not rest
    assert [record.offset for record in run] == [0, 1]


async def test_what_is_read_to_know_the_log_again_is_handled_only_if_it_was_not_published(bench: Bench) -> None:
    """And once the log turns out to be another one, everything is."""

    class Published(Log):
        """Up to the offset 8."""

        async def committed(self, one: TopicPartition) -> int | None:
            return 8

    log = Published()
    for stored, handled in ((8, [8, 9]), (9, [8, 9])):
        async with Database(bench.dsn, application="tests") as database, database.transaction() as connection:
            anchor = fingerprint(records(EVENTS, stored - 1)[0])
            await PipelineStore(connection).upsert_progress(EVENTS.name, [PartitionProgress(0, stored, anchor)])
        assignment = await assigned(bench, EVENTS, log)
        log.sought.clear()
        assert admitted(assignment, log, records(EVENTS, *range(min(stored - 1, 8), 10))) == handled
        assert admitted(assignment, log, records(EVENTS, 0, 1)) == [0, 1]


async def test_what_is_left_to_read_is_what_the_broker_says(bench: Bench) -> None:
    """A client that does not fetch does not know; and nobody waits for a partition that is halted."""
    log = Log()
    assignment = await assigned(bench, EVENTS, log)
    found = []
    for log.next_offset in (0, 7, 10):
        found.append(await assignment.unread(log))
    assert found == [{0: 0}, {0: 7}, {}]
    log.next_offset = 0
    assignment.halted[0] = "offsets 0 to 3 are missing from the log"
    assert await assignment.unread(log) == {}
