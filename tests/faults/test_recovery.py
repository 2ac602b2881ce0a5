"""What happens to the log and to the tables under a running service."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.contracts import Interaction
from shared.kafka.connection import KafkaConnection
from shared.pipeline.identity import LogWatch
from shared.postgres import Database, migrate
from tests.support.stack import Lease, migrations_of
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.process import Process
from tests.support.waiting import eventually

MIGRATIONS = (
    "alter table tallies add column note text not null default ''",
    "create index on tallies (version)",
    "alter table progress add column note text",
)


@pytest.fixture
async def bench(lease: Lease) -> Bench:
    connection = KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tally")
    made = Bench(lease, connection, await lease.dsn("tally"))
    await made.create_topics()
    return made


def counted(*batches: list[Any]) -> list[str]:
    return sorted(one.id for batch in batches for one in batch)


@pytest.mark.parametrize("length", [4, 60], ids=["shorter", "longer-at-once"])
async def test_a_topic_recreated_under_a_running_service_is_read_from_its_start(bench: Bench, length: int) -> None:
    """Nobody restarts anything; what was counted before counts once, and somebody is told."""
    before = events(12, references=4, prefix="a")
    await bench.emit(*before)
    with capture_logs() as logs:
        async with bench.process():
            await bench.finished(12)
            await bench.delete_events()
            await bench.create_topics()
            fresh = events(length, references=4, prefix="b")
            await bench.emit(*before[:2], *fresh)
            await bench.finished(12 + length)
    assert all_ids(await bench.stored()) == counted(before, fresh)
    alarms = {one["event"] for one in logs if one["log_level"] == "error"}
    assert alarms & {"log_went_back", "log_was_replaced", "log_ends_before_progress"}


async def test_a_log_that_is_another_below_what_was_read_is_read_from_its_start(bench: Bench) -> None:
    """It was cut and has grown past the reader again, so that nothing failed; one that is the same is left alone."""
    sent = events(12, references=4)
    await bench.emit(*sent)
    async with bench.process() as one:
        await bench.finished(12)
        assignment = one.pipeline.assignment
        watch = LogWatch(bench.connection, one.topic.name, assignment)
        with capture_logs() as logs:
            assignment.doubt(assignment.partitions)
            await watch.look()
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []
        assert not assignment.doubted.is_set(), "all of it is believed"
        for owned in assignment._owned.values():
            if owned.last is not None:
                owned.last = owned.last[0], owned.last[1] + 1
        with capture_logs() as logs:
            assignment.doubt(assignment.partitions)
            await watch.look()
        assert {entry["event"] for entry in logs if entry["log_level"] == "error"} == {"log_was_replaced"}
        await eventually(lambda: again(one), what="all of it read again")
        await bench.emit(*events(4, references=4, prefix="b"))
        await bench.finished(16)
    assert all_ids(await bench.stored()) == counted(sent, events(4, references=4, prefix="b"))


async def test_what_is_read_just_after_a_change_of_leader_is_looked_at_too(bench: Bench) -> None:
    """It may be what the leader before had answered."""
    await bench.emit(*events(12, references=4))
    async with bench.process() as one:
        await bench.finished(12)
        assignment = one.pipeline.assignment
        assignment.doubt(assignment.partitions)
        before = assignment.doubts()
        watch = LogWatch(bench.connection, one.topic.name, assignment)
        await watch.look()
        await bench.emit(*events(12, references=4, prefix="b"))
        await bench.finished(24)
        after = assignment.doubts()
        assert after.keys() == before.keys()
        assert all(after[number][0] > before[number][0] for number in before)


async def again(one: Process) -> bool:
    return one.count("duplicate") == 12


async def test_a_log_that_ends_before_what_was_read_is_read_from_its_start(bench: Bench) -> None:
    sent = events(12, references=4)
    await bench.emit(*sent)
    async with bench.process() as one:
        await bench.finished(12)
        assignment = one.pipeline.assignment
        for owned in assignment._owned.values():
            if owned.last is not None:
                owned.last = (1_000, 0)
        assignment.doubt(assignment.partitions)
        await LogWatch(bench.connection, one.topic.name, assignment).look()
        await eventually(lambda: again(one), what="all of it read again")


async def test_a_migration_under_load_loses_and_fails_nothing(bench: Bench, tmp_path: Path) -> None:
    """Columns and an index while batches are stored: it waits for its locks, batches wait for it, all is counted."""
    for number, text in enumerate(MIGRATIONS, start=1):
        (tmp_path / f"{number:04}_more.sql").write_text(text, encoding="utf-8")
    batches = [events(20, references=5, prefix=prefix) for prefix in "abcdefghijkl"]
    with capture_logs() as logs:
        async with bench.process(max_records=10), Database(bench.dsn, application="migration") as database:
            sending = asyncio.create_task(emit_all(bench, batches))
            applied = await migrate(database, [*migrations_of("tally"), ("more", tmp_path)])
            await sending
            await bench.finished(20 * len(batches))
    assert applied == ["more/0001_more", "more/0002_more", "more/0003_more"]
    assert all_ids(await bench.stored()) == counted(*batches)
    assert await bench.rows("select 1 from dead_letters") == []
    assert [one for one in logs if one["log_level"] in ("error", "critical")] == []


async def test_a_migration_that_gets_no_lock_gives_up_and_holds_nobody_up(bench: Bench, tmp_path: Path) -> None:
    """Somebody reads the table for minutes: batches go on once it has given up, and the service can start later."""
    (tmp_path / "0001_more.sql").write_text(MIGRATIONS[0], encoding="utf-8")
    sent = events(20, references=5)
    reader = await asyncpg.connect(bench.dsn)
    try:
        async with bench.process(), Database(bench.dsn, application="migration") as database:
            async with reader.transaction():
                await reader.execute("lock table tallies in access share mode")
                trying = asyncio.create_task(migrate(database, [*migrations_of("tally"), ("more", tmp_path)]))
                await bench.emit(*sent)
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await trying
                await bench.finished(20)
            assert await migrate(database, [*migrations_of("tally"), ("more", tmp_path)]) == ["more/0001_more"]
    finally:
        await reader.close()


async def emit_all(bench: Bench, batches: list[list[Interaction]]) -> None:
    for batch in batches:
        await bench.emit(*batch)
