"""One batch from topic to topic: what is dropped last, what is repeated, and what order survives."""

from collections.abc import Sequence

import pytest

from shared.contracts import Interaction
from shared.errors import StaleReadError
from shared.ids import customer_id_of
from shared.pipeline import Outcome, Received
from shared.postgres import Connection
from tests.support.tally.bench import Bench, all_ids, events, ids_of
from tests.support.tally.service import QUERIES, on_events
from tests.support.waiting import eventually


async def test_records_are_counted_published_and_committed(bench: Bench) -> None:
    """At rest the topic says what the store says, and Kafka's offsets are those of progress."""
    await bench.emit(*events(200, references=20))
    async with bench.process() as one:
        await bench.finished(200)
        assert all_ids(await bench.stored()) == sorted(f"e{number}" for number in range(200))
        assert one.count("applied") == 200
        assert await bench.owed() == []


async def test_offsets_are_committed_only_after_the_acknowledgement(bench: Bench) -> None:
    """While the broker has not acknowledged the snapshots, everything is stored and nothing committed."""
    await bench.emit(*events(10))
    async with bench.process(held=True) as one:

        async def stored() -> bool:
            return sum((await bench.progress()).values()) == 10

        await eventually(stored, what="ten stored records")
        await one.publisher.waiting.wait()
        assert await bench.committed() == {}
        assert await bench.published() == {}
        one.publisher.gate.set()
        await bench.finished(10)


async def test_what_was_stored_and_not_published_is_published_by_the_next_process(bench: Bench) -> None:
    """It is counted once, published again, and owed once more a minute later."""
    await bench.emit(*events(10))
    async with bench.process(held=True, crash=True) as one:
        await one.publisher.waiting.wait()
        assert await bench.published() == {}
    await bench.emit(*events(5, prefix="later"))
    async with bench.process() as two:
        await bench.finished(15)
        assert (two.count("duplicate"), two.count("applied")) == (10, 5)
    stored = await bench.stored()
    # What is owed at once is the second batch's doing: it was stored while the first was on its way.
    ((entity, version, seconds),) = [one for one in await bench.owed() if one[2] > 1]
    assert entity == customer_id_of("shop:0")
    assert version <= stored[entity][0]
    assert 50 < seconds <= 60


async def test_the_second_publication_after_a_rerun_is_made_when_it_is_due(bench: Bench) -> None:
    """The relay leaves alone what is due later."""
    await bench.emit(*events(3))
    async with bench.process(held=True, crash=True) as one:
        await one.publisher.waiting.wait()
    async with bench.process() as two:
        await bench.finished(3)
        sent = len(two.publisher.sent)
        assert await two.snapshots.publish_owed() == 0
        assert len(two.publisher.sent) == sent
    assert len(await bench.owed()) == 1


@pytest.mark.parametrize("error", [ConnectionError("gone"), StaleReadError("moved on")], ids=["away", "stale"])
async def test_a_batch_that_fails_for_now_is_tried_again_in_order(bench: Bench, error: Exception) -> None:
    """Nothing is skipped, nothing overtakes: the batches behind it wait."""
    attempts: list[tuple[str, ...]] = []

    async def failing(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        attempts.append(tuple(one.value.id for one in records))
        outcome = await on_events(connection, records)
        if len(attempts) in (2, 3):
            raise error
        return outcome

    await bench.emit(*events(20))
    async with bench.process(handler=failing, max_records=5) as one:
        await bench.finished(20)
        assert one.count("applied") == 20
    assert ids_of(await bench.stored(), "shop:0") == tuple(f"e{number}" for number in range(20))
    assert attempts[1] == attempts[2] == attempts[3]


async def test_while_a_batch_waits_the_process_is_not_ready_and_says_why(bench: Bench) -> None:
    failing = True

    async def handler(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        if failing:
            raise ConnectionError("gone")
        return await on_events(connection, records)

    async with bench.process(handler=handler) as one:
        await bench.emit(*events(1))

        async def waits() -> bool:
            return "ConnectionError" in (one.pipeline.not_ready() or "")

        await eventually(waits, what="the reason")
        failing = False
        await bench.finished(1)
        assert one.pipeline.not_ready() is None


async def test_a_defect_in_the_pipeline_ends_it(bench: Bench) -> None:
    """A record was lost inside: going on would commit past it."""
    async with bench.process(contract=int) as one:
        await bench.emit_raw(b"7")
        assert one.running is not None
        with pytest.raises(ExceptionGroup) as raised:
            await one.running
        assert "has no attribute 'subject'" in str(raised.value.exceptions[0])
    assert await bench.committed() == {}
    assert await bench.progress() == {}


async def test_what_fails_beside_the_handler_is_blamed_on_no_record(bench: Bench) -> None:
    """Here there is nothing to store progress in: nothing is set aside or skipped, and the process says so."""

    async def spoiling(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        outcome = await on_events(connection, records)
        await connection.execute("drop table progress")
        return outcome

    await bench.emit(*events(3))
    async with bench.process(handler=spoiling, crash=True) as one:

        async def stuck() -> bool:
            return "UndefinedTableError" in (one.pipeline.not_ready() or "")

        await eventually(stuck, what="the reason")
        assert await bench.progress() == {}
        assert await bench.rows(QUERIES.list_dead) == []
    async with bench.process():
        await bench.finished(3)
