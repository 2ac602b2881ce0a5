"""The last record of a key is what the store holds, whoever wrote it last."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from shared.errors import TransientError
from shared.ids import customer_id_of
from shared.pipeline import Publication, SnapshotPublisher, append_to_publish
from shared.pipeline.metrics import PipelineMetrics
from shared.postgres import Database
from tests.support.tally.bench import Bench
from tests.support.tally.process import GatedPublisher
from tests.support.tally.service import TALLIES, Tally, TallyStore, publication_of

ENTITY = customer_id_of("shop:1")


class Writer:
    """One of several processes that change and publish the same tally."""

    def __init__(self, bench: Bench, database: Database) -> None:
        self.database = database
        self.publisher = GatedPublisher(bench.connection)
        topic = TALLIES.prefixed(bench.lease.prefix)
        metrics = PipelineMetrics(CollectorRegistry())
        self.snapshots = SnapshotPublisher(self.publisher, database, topic, TallyStore, metrics=metrics)

    async def store(self, *ids: str, version: int, owe: bool = False) -> Publication:
        """Commit a version of the tally; the publication is what the writer would send now."""
        publication = publication_of(Tally(tally_id=ENTITY, ids=ids), version)
        async with self.database.transaction() as connection:
            store = TallyStore(connection)
            await store.lock_tallies([ENTITY])
            await store.update_tallies([publication])
            if owe:
                await append_to_publish(connection, {ENTITY: version})
        return publication


@pytest.fixture
async def writers(bench: Bench) -> AsyncIterator[tuple[Writer, Writer]]:
    async with Database(bench.dsn, application="one") as first, Database(bench.dsn, application="two") as second:
        both = Writer(bench, first), Writer(bench, second)
        yield both
        for one in both:
            await one.publisher.stop()


async def owed_versions(bench: Bench) -> list[int]:
    return [version for _, version, _ in await bench.owed()]


async def test_a_writer_that_sends_late_owes_the_newer_version(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    """Stored first, sent last: the old record is last on the topic until the relay has paid."""
    slow, quick = writers
    old = await slow.store("a", version=1)
    await quick.snapshots.publish([await quick.store("a", "b", version=2)])
    await slow.snapshots.publish([old])
    assert await bench.published() == {ENTITY: (1, ("a",))}
    assert await owed_versions(bench) == [2]
    assert await quick.snapshots.publish_owed() == 1
    assert await bench.published() == {ENTITY: (2, ("a", "b"))}
    assert await owed_versions(bench) == []


async def test_a_version_that_is_stored_while_another_is_on_its_way_is_owed(
    bench: Bench, writers: tuple[Writer, Writer]
) -> None:
    """Even if its own writer dies before sending it."""
    slow, quick = writers
    slow.publisher.gate.clear()
    sending = asyncio.create_task(slow.snapshots.publish([await slow.store("a", version=1)]))
    await slow.publisher.waiting.wait()
    await quick.store("a", "b", version=2)
    slow.publisher.gate.set()
    await sending
    assert await owed_versions(bench) == [2]
    await slow.snapshots.publish_owed()
    assert await bench.published() == {ENTITY: (2, ("a", "b"))}


async def test_nothing_is_owed_when_nothing_moved_on(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    one, _ = writers
    await one.snapshots.publish([await one.store("a", version=1)])
    assert await owed_versions(bench) == []
    assert await one.snapshots.publish_owed() == 0


async def test_the_relay_strikes_off_only_what_it_published(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    """What is owed while the relay is sending stays owed, and is paid next."""
    relay, other = writers
    await relay.store("a", version=1, owe=True)
    await relay.store("a", "b", version=2, owe=True)
    relay.publisher.gate.clear()
    paying = asyncio.create_task(relay.snapshots.publish_owed())
    await relay.publisher.waiting.wait()
    await other.store("a", "b", "c", version=3, owe=True)
    relay.publisher.gate.set()
    assert await paying == 1
    assert set(await owed_versions(bench)) == {3}  # by the writer, and by the check after publishing
    assert await relay.snapshots.publish_owed() == 1
    assert await owed_versions(bench) == []
    assert await bench.published() == {ENTITY: (3, ("a", "b", "c"))}


async def test_what_is_due_later_stays_owed(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    """The second publication after a re-run is not paid off by an earlier one."""
    one, _ = writers
    first = await one.store("a", version=1)
    await one.snapshots.publish([first], again=True)
    await one.store("a", "b", version=2, owe=True)
    assert await one.snapshots.publish_owed() == 1
    ((_, version, seconds),) = await bench.owed()
    assert version == 1
    assert 50 < seconds <= 60


async def test_a_relay_that_cannot_send_owes_as_before(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    one, _ = writers
    await one.store("a", version=1, owe=True)
    one.publisher.gate.clear()
    paying = asyncio.create_task(one.snapshots.publish_owed())
    await one.publisher.waiting.wait()
    paying.cancel()
    await asyncio.gather(paying, return_exceptions=True)
    assert await owed_versions(bench) == [1]


async def test_what_comes_to_be_owed_while_the_relay_is_paying_stays_owed(
    bench: Bench, writers: tuple[Writer, Writer]
) -> None:
    """It is owed because an old record may have come after the one that the relay is sending."""
    one, late = writers
    old = await late.store("a", version=1)
    await one.store("a", "b", version=2, owe=True)
    one.publisher.gate.clear()
    paying = asyncio.create_task(one.snapshots.publish_owed())
    await one.publisher.waiting.wait()
    await late.snapshots.publish([old])
    one.publisher.gate.set()
    await paying
    assert await owed_versions(bench) == [2]
    assert await one.snapshots.publish_owed() == 1
    assert await owed_versions(bench) == []


async def test_an_entity_that_is_gone_is_struck_off(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    one, _ = writers
    async with one.database.transaction() as connection:
        await append_to_publish(connection, {customer_id_of("shop:nobody"): 1})
    assert await one.snapshots.publish_owed() == 1
    assert await bench.owed() == []


async def test_a_tombstone_is_the_last_record_of_its_key(bench: Bench, writers: tuple[Writer, Writer]) -> None:
    one, _ = writers
    await one.snapshots.publish([await one.store("a", version=1)])
    await one.snapshots.publish([Publication(ENTITY, 1, None)])
    assert await bench.last_records() == {ENTITY: None}


async def test_what_went_missing_on_the_way_is_published_once_more_a_minute_later(
    bench: Bench, writers: tuple[Writer, Writer]
) -> None:
    """The first attempt may still arrive, after newer records: its sender is gone, its connection may not be."""
    one, _ = writers
    first = await one.store("a", version=1)
    one.publisher.failures.append(TransientError("not acknowledged"))
    with pytest.raises(TransientError):
        await one.snapshots.publish([first])
    await one.snapshots.publish([first])
    ((_, version, seconds),) = await bench.owed()
    assert version == 1
    assert 50 < seconds <= 60
    await one.snapshots.publish([first])
    assert len(await bench.owed()) == 1, "only what follows the failure is doubtful"
