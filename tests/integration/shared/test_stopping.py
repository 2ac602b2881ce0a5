"""When nearly nothing can be handled a subscription stops, sets nothing aside, and goes on once that is mended."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from shared.kafka.topics import ANYONE
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.picky import SECRET, Picky
from tests.support.tally.process import Process
from tests.support.tally.service import QUERIES
from tests.support.waiting import eventually


async def stops(one: Process) -> str:
    async def stopped() -> str | None:
        return one.pipeline.stopped

    return str(await eventually(stopped, what="the stop"))


async def test_a_bad_release_stops_before_anything_is_set_aside_and_goes_on_when_mended(bench: Bench) -> None:
    await bench.emit(*events(60, references=60))
    picky = Picky(*(f"e{number}" for number in range(60)))
    with capture_logs() as logs:
        async with bench.process(handler=picky) as one:
            reason = await stops(one)
            assert "records cannot be handled, first partition" in reason
            assert "ValueError at tests.support.tally.picky:" in reason
            assert (one.pipeline.not_ready(), one.pipeline.halted) == (reason, None)
            assert await bench.rows(QUERIES.list_dead) == []
            assert (await bench.progress(), await bench.stored()) == ({}, {})
            picky.mended = True
            await bench.finished(60)
            assert one.pipeline.not_ready() is None
    assert await bench.rows(QUERIES.list_dead) == []
    assert all_ids(await bench.stored()) == sorted(f"e{number}" for number in range(60))
    (said, *_) = [entry for entry in logs if entry["event"] == "stopped"]
    assert said["log_level"] == "critical"
    assert said["reason"] in reason
    assert SECRET not in str(logs)


async def test_a_release_that_fails_at_everyone_is_found_out_soon(bench: Bench) -> None:
    """Ten thousand records are not tried one by one to learn it."""
    await bench.emit(*events(10_000, references=10_000))
    picky = Picky(*(f"shop:{number}" for number in range(10_000)))
    async with bench.process(handler=picky, max_records=20_000, crash=True) as one:
        await stops(one)
        assert len(picky.sizes) < 600
    assert await bench.rows(QUERIES.list_dead) == []


async def test_records_that_trickle_in_are_not_all_set_aside(bench: Bench) -> None:
    """Each of them is alone in its batch; nineteen are too few to tell."""
    await bench.emit(*events(30, references=30))
    picky = Picky(*(f"e{number}" for number in range(30)))
    async with bench.process(handler=picky, max_records=1, crash=True) as one:
        await stops(one)
    assert len(await bench.rows(QUERIES.list_dead)) == 19


@pytest.mark.parametrize(("good", "bad", "stop"), [(12, 30, True), (30, 12, False)])
async def test_what_nobody_can_decode_counts_as_well(bench: Bench, good: int, bad: int, stop: bool) -> None:
    """A writer that changed its format; an operator who knows that it was garbage may let it pass."""
    pairs: Sequence[tuple[bytes, bytes | None]] = [(b"shop:0", b"{")] * bad
    await bench.emit_pairs(pairs)
    await bench.emit(*events(good))
    if stop:
        async with bench.process(crash=True) as one:
            assert f"{bad} of {bad + good} records cannot be handled" in await stops(one)
        assert await bench.rows(QUERIES.list_dead) == []
    async with bench.process(breaker=not stop) as one:
        await bench.finished(good)
        assert one.count("dead") == bad


async def test_what_others_write_stops_it_only_if_nothing_works_at_all(bench: Bench) -> None:
    """They must not shut the door for everybody; but if it fails at all of them, it is our own fault."""
    culprits = [f"e{number}" for number in range(58)]
    await bench.emit(*events(60))
    async with bench.process(handler=Picky(*culprits), writer=ANYONE) as one:
        await bench.finished(2)
        assert one.count("dead") == 58
    await bench.emit(*events(40, prefix="later"))
    picky = Picky("shop:0")
    async with bench.process(handler=picky, writer=ANYONE) as two:
        await stops(two)
        assert len(await bench.rows(QUERIES.list_dead)) == 58
        picky.mended = True
        await bench.finished(42)


async def test_what_stopped_is_left_behind_by_a_stop_and_done_by_the_next_process(bench: Bench) -> None:
    """As at SIGTERM, with a bad release, and a mended one."""
    await bench.emit(*events(200, references=200))
    async with bench.process(handler=Picky(*(f"e{n}" for n in range(200))), max_records=25, crash=True) as one:
        await stops(one)
    async with bench.process():
        await bench.finished(200)


async def test_what_stopped_is_given_up_with_its_partitions(bench: Bench) -> None:
    """A replica of a better release takes them over; what the bad one holds must not outlive that."""
    await bench.emit(*events(60, references=60))
    picky = Picky(*(f"e{n}" for n in range(60)))
    async with bench.process(handler=picky) as bad:
        await stops(bad)
        async with bench.process():

            async def dropped() -> bool:
                labels = {"topic": bad.topic.name}
                return bool(bad.registry.get_sample_value("ebbtide_records_dropped_total", labels))

            await eventually(dropped, what="the batch that was given up")
            picky.mended = True
            await bench.finished(60)
    assert await bench.rows(QUERIES.list_dead) == []
