"""A record that the handler cannot handle is found among the others and set aside; the others never notice."""

import asyncio
from collections.abc import Callable
from math import ceil, log2

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from shared.errors import DeadReason, PermanentError, StaleReadError
from tests.support.builders import record
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.picky import SECRET, Impossible, Picky
from tests.support.tally.service import QUERIES
from tests.support.waiting import eventually


async def set_aside(bench: Bench) -> dict[str, str]:
    """Id to reason."""
    return {msgspec.json.decode(row["value"])["id"]: row["reason"] for row in await bench.rows(QUERIES.list_dead)}


def ids(count: int, *without: str) -> list[str]:
    return sorted({f"e{number}" for number in range(count)} - set(without))


async def test_one_culprit_among_many_is_set_aside_and_all_others_count(bench: Bench) -> None:
    """Also the others of its own customer; and of what was handled, nothing gets into logs and details."""
    await bench.emit(*events(400, references=100))
    picky = Picky("e137")
    with capture_logs() as logs:
        async with bench.process(handler=picky, max_records=1_000) as one:
            await bench.finished(399)
            assert (one.count("applied"), one.count("dead")) == (399, 1)
    assert all_ids(await bench.stored()) == ids(400, "e137")
    (row,) = await bench.rows(QUERIES.list_dead)
    assert (row["key"], row["reason"], row["attempts"]) == (b"shop:37", "handler_failed", 1)
    assert row["detail"].startswith("ValueError at tests.support.tally.picky:")
    assert SECRET not in str(logs)
    # As a whole, once more, then twice for each time the customers, and then the customer's records, are halved.
    whole = max(picky.sizes)
    assert picky.sizes.count(whole) >= 2
    assert len(picky.sizes) <= 10 + 2 * (ceil(log2(100)) + ceil(log2(4)))


@pytest.mark.parametrize("handler", [Picky, Impossible])
async def test_several_culprits_are_found_whoever_refuses_them(bench: Bench, handler: type[Picky]) -> None:
    """Those beside them that nobody can decode keep their own reason."""
    culprits = ("e0", "e7", "e8", "e61", "e119")
    sent = [record(event) for event in events(120, references=120)]
    await bench.emit_pairs([*sent[:50], (b"shop:1", b"[]"), *sent[50:], (b"shop:1", b'{"id": 1}')])
    async with bench.process(handler=handler(*culprits)) as one:
        await bench.finished(115)
        assert one.count("dead") == 7
    assert all_ids(await bench.stored()) == ids(120, *culprits)
    found = [(row["key"], row["reason"]) for row in await bench.rows(QUERIES.list_dead)]
    assert sorted(found) == sorted(
        [(b"shop:" + name[1:].encode(), "handler_failed") for name in culprits] + [(b"shop:1", "wrong_shape")] * 2
    )


@pytest.mark.parametrize(("count", "culprit"), [(9, "e0"), (9, "e8"), (1, "e0"), (2, "e1")])
async def test_it_may_be_the_first_the_last_or_the_only_one(bench: Bench, count: int, culprit: str) -> None:
    await bench.emit(*events(count))
    async with bench.process(handler=Picky(culprit)):
        await bench.finished(count - 1)
        await bench.settled({0: count})
    assert all_ids(await bench.stored()) == ids(count, culprit)
    assert list(await set_aside(bench)) == [culprit]


async def test_a_customer_who_cannot_be_handled_is_set_aside_as_a_whole(bench: Bench) -> None:
    """Nobody takes its records apart one by one; and what comes later is handled, or set aside, by itself."""
    await bench.emit(*events(320, references=5))
    picky = Picky("shop:3")
    async with bench.process(handler=picky, max_records=1_000):
        await bench.finished(256)
        assert len(await set_aside(bench)) == 64
        assert len(picky.sizes) < 30
        picky.mended = True
        await bench.emit(*events(5, references=5, prefix="later"))
        await bench.finished(261)
    assert "later3" in all_ids(await bench.stored())


async def test_what_fails_once_costs_nobody_a_record(bench: Bench) -> None:
    async def once(call: int) -> None:
        if call == 1:
            raise ZeroDivisionError

    await bench.emit(*events(30))
    async with bench.process(handler=Picky(meanwhile=once)) as one:
        await bench.finished(30)
        assert one.registry.get_sample_value("ebbtide_batches_taken_apart_total", {"topic": one.topic.name}) is None
    assert await set_aside(bench) == {}


async def test_what_only_fails_together_is_stored_in_parts(bench: Bench) -> None:
    """A batch may be too much at once, and nothing in it to blame."""

    class Narrow(Picky):
        async def __call__(self, connection, records):  # type: ignore[no-untyped-def]
            outcome = await super().__call__(connection, records)
            if len(records) > 10:
                raise MemoryError
            return outcome

    await bench.emit(*events(40, references=8))
    async with bench.process(handler=Narrow(), max_records=1_000):
        await bench.finished(40)
    assert await set_aside(bench) == {}


async def test_a_handler_that_says_so_itself_is_believed_at_once(bench: Bench) -> None:
    def refusal() -> Exception:
        return PermanentError(DeadReason.WRONG_SHAPE, "amount is no number")

    await bench.emit(*events(8, references=8))
    picky = Picky("e3", error=refusal)
    async with bench.process(handler=picky):
        await bench.finished(7)
    (row,) = await bench.rows(QUERIES.list_dead)
    assert (row["reason"], row["detail"]) == ("wrong_shape", "amount is no number")
    assert picky.sizes.count(max(picky.sizes)) == 1


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize("error", [lambda: StaleReadError("moved on"), asyncpg.DeadlockDetectedError, ConnectionError])
async def test_what_passes_is_nobodys_fault_also_while_a_batch_is_taken_apart(
    bench: Bench, error: Callable[[], Exception], count: int
) -> None:
    """Not even of a record that is alone by then: everything is undone, and begun again."""
    failed: list[int] = []

    async def away(call: int) -> None:
        if picky.sizes[-1] == 1 and len(failed) < 4:
            failed.append(call)
            raise error()

    picky = Picky("e29", meanwhile=away)
    await bench.emit(*events(count, references=count))
    expected = ids(count, "e29")
    async with bench.process(handler=picky, max_records=1_000):
        await bench.finished(len(expected))
    assert len(failed) == 4
    assert all_ids(await bench.stored()) == expected
    assert list(await set_aside(bench)) == (["e29"] if count > 29 else [])


@pytest.mark.parametrize("calls", [3, 6])
async def test_a_process_that_dies_while_taking_apart_leaves_nothing_behind(bench: Bench, calls: int) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def dies(call: int) -> None:
        if call == calls:
            reached.set()
            await never.wait()

    await bench.emit(*events(60))
    async with bench.process(handler=Picky("e29", meanwhile=dies), crash=True):
        await reached.wait()
        assert (await bench.progress(), await set_aside(bench)) == ({}, {})
    assert (await bench.progress(), await bench.stored(), await set_aside(bench)) == ({}, {}, {})
    async with bench.process(handler=Picky("e29")) as one:
        await bench.finished(59)
        assert (one.count("applied"), one.count("duplicate"), one.count("dead")) == (59, 0, 1)
    assert all_ids(await bench.stored()) == ids(60, "e29")


async def test_a_culprit_met_again_leaves_the_others_published(bench: Bench) -> None:
    """It was stored by a release that could handle it, and the process died before it was published."""
    await bench.emit(*events(12, references=12))
    async with bench.process(held=True, crash=True) as one:

        async def stored() -> bool:
            return sum((await bench.progress()).values()) == 12

        await eventually(stored, what="twelve stored records")
        await one.publisher.waiting.wait()
    async with bench.process(handler=Picky("e5")) as two:

        async def committed() -> bool:
            return await bench.committed() == await bench.progress()

        await eventually(committed, what="the offsets")
        assert (two.count("duplicate"), two.count("dead")) == (11, 1)
        stored_ids, published = await bench.stored(), await bench.published()
    assert all_ids(stored_ids) == ids(12)
    assert all_ids(published) == ids(12, "e5")
    await replay(bench)
    async with bench.process():
        await bench.finished(12)


async def replay(bench: Bench) -> None:
    """As `ebbtide dead-letters replay` does: the record goes to the end of its topic, byte for byte."""
    await bench.emit_pairs([(row["key"], row["value"]) for row in await bench.rows(QUERIES.list_dead)])


async def test_replayed_after_the_mend_nothing_is_left_of_it(bench: Bench) -> None:
    """The state is the one it would have been, whether the customer had others meanwhile or was never heard of."""
    await bench.emit(*events(40, references=10))
    picky = Picky("e7", "e12", "shop:4")
    async with bench.process(handler=picky):
        await bench.finished(40 - 2 - 4)
        await bench.emit(*events(10, references=10, prefix="later"))
        picky.mended = True
        await bench.finished(50 - 2 - 4)
        await replay(bench)
        await bench.finished(50)
    got = {tally: sorted(found) for tally, (_, found) in (await bench.stored()).items()}
    wanted = await bench.lease.dsn("tally")
    bench.dsn = wanted
    async with bench.process():
        await bench.finished(50)
    assert got == {tally: sorted(found) for tally, (_, found) in (await bench.stored()).items()}
