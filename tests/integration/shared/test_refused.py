"""What the broker refuses holds up nobody."""

from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import CollectorRegistry

from shared.errors import TransientError
from shared.ids import customer_id_of
from shared.kafka.publisher import Publisher
from shared.kafka.topics import MOST_RECORD_BYTES
from shared.pipeline import Publication, SnapshotPublisher, append_to_publish
from shared.pipeline.metrics import PipelineMetrics
from shared.postgres import Database
from tests.support.tally.bench import Bench
from tests.support.tally.service import TALLIES, Tally, TallyStore, publication_of
from tests.support.topics import read_all

EARLY, LATE = (customer_id_of(f"shop:{number}") for number in (1, 2))


@pytest.fixture
async def database(bench: Bench) -> AsyncIterator[Database]:
    async with Database(bench.dsn, application="tests") as opened:
        yield opened


class Parts:
    """What publishes, with what it counts."""

    def __init__(self, bench: Bench, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.publisher = Publisher(bench.connection)
        self.topic = TALLIES.prefixed(bench.lease.prefix)
        metrics = PipelineMetrics(self.registry)
        self.snapshots = SnapshotPublisher(self.publisher, database, self.topic, TallyStore, metrics=metrics)

    def too_large(self) -> float | None:
        return self.registry.get_sample_value("ebbtide_snapshots_too_large_total", {"topic": self.topic.name})


@pytest.fixture
async def parts(bench: Bench, database: Database) -> AsyncIterator[Parts]:
    made = Parts(bench, database)
    yield made
    await made.publisher.stop()


async def published(bench: Bench) -> dict[str, int]:
    return {key: value.version for key, value in await read_all(bench.lease, TALLIES)}


async def test_a_batch_that_the_broker_refuses_costs_the_next_ones_nothing(bench: Bench, parts: Parts) -> None:
    """It has used up a sequence number by then; what follows goes out with a new producer, in its order."""
    admin = AIOKafkaAdminClient(**bench.connection.client_options())
    await admin.start()
    small = ConfigResource(ConfigResourceType.TOPIC, parts.topic.name, {"max.message.bytes": "2000"})
    await admin.alter_configs([small])
    await admin.close()
    for version in range(1, 10):
        if version % 3:
            await parts.publisher.send(parts.topic.name, [record(EARLY, version)])
        else:
            with pytest.raises(TransientError, match="MessageSizeTooLarge"):
                await parts.publisher.send(parts.topic.name, [(EARLY.encode(), bytes(4_000))])
    found = [value.version for _, value in await read_all(bench.lease, TALLIES)]
    assert found == [1, 2, 4, 5, 7, 8]


def record(tally_id: str, version: int) -> tuple[bytes, bytes | None]:
    return tally_id.encode(), publication_of(Tally(tally_id=tally_id), version).payload


async def test_a_snapshot_that_no_record_can_hold_holds_up_nobody(
    bench: Bench, database: Database, parts: Parts
) -> None:
    """It is counted and left out, in a batch and by the relay; the largest that fits is published."""
    most = bytes(MOST_RECORD_BYTES)
    over, good = Publication(EARLY, 2, b'"' + most + b'"'), publication_of(Tally(tally_id=LATE), 2)
    await parts.snapshots.publish([over, good])
    assert await published(bench) == {LATE: 2}
    assert parts.too_large() == 1
    text = publication_of(Tally(tally_id=EARLY, ids=("x",)), 3).payload or b""
    largest = text.replace(b'"x"', b'"' + b"x" * (MOST_RECORD_BYTES - 1024 - len(text)) + b'"')
    await parts.snapshots.publish([Publication(EARLY, 3, largest)])
    assert await published(bench) == {EARLY: 3, LATE: 2}
    too_much = publication_of(Tally(tally_id=EARLY, ids=("x" * MOST_RECORD_BYTES,)), 4)
    async with database.transaction() as connection:
        tallies = TallyStore(connection)
        await tallies.lock_tallies([EARLY, LATE])
        await tallies.update_tallies([too_much, publication_of(Tally(tally_id=LATE), 4)])
        await append_to_publish(connection, {EARLY: 4, LATE: 4})
    assert await parts.snapshots.publish_owed() == 2
    assert await parts.snapshots.publish_owed() == 0, "it is not owed for ever"
    assert await published(bench) == {EARLY: 3, LATE: 4}
    assert parts.too_large() == 2
