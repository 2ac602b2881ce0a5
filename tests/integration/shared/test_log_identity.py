"""Where reading starts: after a restore, and on a log that is no longer the one that was read."""

import pytest
from structlog.testing import capture_logs

from tests.support.tally.bench import Bench, all_ids, events
from tests.support.waiting import eventually


def counted(*found: int) -> list[str]:
    """The ids of so many events of one batch after the other."""
    return sorted(one.id for number, count in enumerate(found) for one in events(count, prefix="abc"[number]))


async def test_a_database_restored_from_an_older_backup_reads_again_what_it_lacks(bench: Bench) -> None:
    """Kafka's offset is ahead of progress then: reading starts at progress."""
    await bench.emit(*events(10, references=4, prefix="a"))
    async with bench.process():
        await bench.finished(10)
    backup = await bench.backup()
    await bench.emit(*events(10, references=4, prefix="b"))
    async with bench.process():
        await bench.finished(20)
    before = await bench.stored()
    bench.dsn = backup
    with capture_logs() as logs:
        async with bench.process() as one:
            await bench.finished(20)
            assert one.count("applied") == 10
    assert all_ids(await bench.stored()) == counted(10, 10)
    after = await bench.stored()
    assert all(after[tally][0] > before[tally][0] for tally in after), "versions grow over a restore"
    assert [one for one in logs if one["log_level"] == "error"] == []


async def test_an_empty_database_reads_everything(bench: Bench) -> None:
    """Whatever Kafka's offset says: what is not stored was not counted."""
    await bench.emit(*events(10, references=4, prefix="a"))
    empty = await bench.backup()
    async with bench.process():
        await bench.finished(10)
    bench.dsn = empty
    async with bench.process():
        await bench.finished(10)


@pytest.mark.parametrize("keeps_offsets", [False, True], ids=["offsets-gone", "offsets-kept"])
@pytest.mark.parametrize("length", [4, 30], ids=["shorter", "longer"])
async def test_a_recreated_topic_is_read_from_its_start(bench: Bench, length: int, keeps_offsets: bool) -> None:
    """Kafka forgets a group's offsets with the topic; tools that copy clusters keep them. What is there counts once."""
    await bench.emit(*events(12, references=4, prefix="a"))
    async with bench.process():
        await bench.finished(12)
    offsets = await bench.committed()
    await bench.delete_events()
    await bench.create_topics()
    # Two of the new log's events are known from the old one.
    await bench.emit(*events(2, references=4, prefix="a"), *events(length, references=4, prefix="b"))
    if keeps_offsets:
        await bench.commit(offsets)
    with capture_logs() as logs:
        async with bench.process() as one:
            await bench.finished(12 + length)
            assert one.count("applied") == length
    assert all_ids(await bench.stored()) == counted(12, length)
    alarms = {one["event"] for one in logs if one["log_level"] == "error"}
    assert alarms == {"log_was_replaced" if length > 12 else "log_ends_before_progress"}


async def test_what_retention_removed_unread_halts_the_partition(bench: Bench) -> None:
    """Nothing is read past the hole, and the process says why it is not ready."""
    await bench.emit(*events(10, prefix="a"))
    async with bench.process():
        await bench.finished(10)
    await bench.emit(*events(10, prefix="b"))
    await bench.remove_before(15)
    await bench.emit(*events(1, prefix="c"))
    async with bench.process() as one:

        async def halted() -> bool:
            return "retention removed offsets 10 to 15" in (one.pipeline.not_ready() or "")

        await eventually(halted, what="the halt")
    assert all_ids(await bench.stored()) == counted(10)
