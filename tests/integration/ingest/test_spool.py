"""While the broker is silent, what is accepted is stored, and reaches the topic once it answers: on a real database."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.gateways.spool import DRAINED_AT_ONCE, Spool, SpoolingOutlet
from services.ingest.metrics import IngestMetrics
from services.ingest.store import IngestStore
from shared.errors import TransientError
from shared.postgres import Database
from tests.support.stack import Lease

TOPIC = "interactions.v1"


class Broker:
    """Takes what it is given while `answers`, otherwise nothing; counts how often it was asked."""

    def __init__(self) -> None:
        self.answers = True
        self.asked = 0
        self.taken: list[tuple[bytes, bytes | None]] = []

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.asked += 1
        if not self.answers:
            raise TransientError("silent")
        self.taken += records


class Direct:
    """The way to the broker, as the outlet is."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def send(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        await self._broker.send(TOPIC, records)


def record(number: int) -> tuple[bytes, bytes]:
    return b"shop:%d" % number, b'{"n":%d}' % number


@pytest.fixture
async def database(lease: Lease) -> AsyncIterator[Database]:
    async with Database(await lease.dsn("ingest"), application="tests") as database:
        yield database


def spool_on(database: Database, limit: int = 1_000_000) -> Spool:
    return Spool(database, IngestStore, limit=limit, metrics=IngestMetrics(CollectorRegistry()))


async def test_what_a_silent_broker_did_not_take_is_kept_and_sent_once_it_answers(database: Database) -> None:
    broker, spool = Broker(), spool_on(database)
    outlet = SpoolingOutlet(Direct(broker), spool)
    broker.answers = False
    await outlet.send([record(1), record(2)])
    await outlet.send([record(3)])
    assert broker.asked == 1, "a broker known to be away is not waited for"
    assert not await spool.is_empty()
    with pytest.raises(TransientError):
        await spool.drain(broker, TOPIC)
    assert not await spool.is_empty()
    broker.answers = True
    assert await spool.drain(broker, TOPIC) == 3
    assert sorted(broker.taken) == [record(1), record(2), record(3)]
    assert await spool.is_empty()
    await outlet.send([record(4)])
    assert broker.taken[-1] == record(4)


async def test_another_process_finds_what_one_that_died_left(database: Database) -> None:
    broker = Broker()
    await spool_on(database).append([record(1)])
    heir = spool_on(database)
    assert await heir.drain(broker, TOPIC) == 1
    assert await heir.drain(broker, TOPIC) == 0


async def test_what_another_replica_spools_is_found_while_this_one_runs(database: Database) -> None:
    broker, here, there = Broker(), spool_on(database), spool_on(database)
    assert await here.drain(broker, TOPIC) == 0
    await there.append([record(1)])
    assert not await here.is_empty()
    assert await here.drain(broker, TOPIC) == 1


async def test_two_replicas_drain_together_and_send_everything_once(database: Database) -> None:
    broker = Broker()
    first, second = spool_on(database), spool_on(database)
    count = 3 * DRAINED_AT_ONCE + 7
    await first.append([record(number) for number in range(count)])
    while await spool_on(database).is_empty() is False:
        await asyncio.gather(first.drain(broker, TOPIC), second.drain(broker, TOPIC))
    assert sorted(broker.taken) == sorted(record(number) for number in range(count))


async def test_a_full_spool_says_so_and_takes_again_what_it_has_room_for(database: Database) -> None:
    broker, spool = Broker(), spool_on(database, limit=2)
    broker.answers = False
    outlet = SpoolingOutlet(Direct(broker), spool)
    await outlet.send([record(1), record(2)])
    with pytest.raises(TransientError, match="holds 2"):
        await outlet.send([record(3)])
    broker.answers = True
    await spool.drain(broker, TOPIC)
    broker.answers = False
    await outlet.send([record(3)])


async def test_with_both_away_nobody_is_told_that_anything_is_durable(lease: Lease) -> None:
    broker = Broker()
    broker.answers = False
    async with Database(await lease.dsn("ingest"), application="tests", patience_seconds=1) as database:
        spool = spool_on(database)
    with pytest.raises(TransientError):
        await SpoolingOutlet(Direct(broker), spool).send([record(1)])
