"""A producer that is given up in the middle of a request: whoever sent through it is told, and goes on with another."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.errors import TransientError
from shared.kafka.publisher import Publisher
from tests.support.tally.bench import Bench
from tests.support.tally.service import TALLIES, Tally, publication_of
from tests.support.topics import read_all
from tests.support.waiting import eventually


class Deaf(AIOKafkaProducer):  # type: ignore[misc]  # the client library is untyped
    """Takes a batch after nobody sends any more, as one does that is given up by another sender at that moment."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()


class Waiting(AIOKafkaProducer):  # type: ignore[misc]  # the client library is untyped
    """Its requests wait for metadata that never come, as they do when the client is closed meanwhile."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        async def waits(node_id: int, batches: Any) -> None:
            await asyncio.Event().wait()

        self._sender._send_produce_req = waits
        future: asyncio.Future[Any] = await super().send_batch(batch, topic, partition=partition)
        return future

    async def stop(self) -> None:
        raise TimeoutError


async def test_a_producer_that_waits_for_metadata_for_ever_is_given_up(bench: Bench) -> None:
    """Found by killing ingest and the broker at exact points: the spool was never drained again."""
    makes = [Waiting, AIOKafkaProducer]
    publisher = Publisher(bench.connection, producer=lambda **options: makes.pop(0)(**options))
    topic = TALLIES.prefixed(bench.lease.prefix).name
    payload = publication_of(Tally(tally_id="t1"), 1).payload
    sending = asyncio.create_task(publisher.send(topic, [(b"t1", payload)]))

    async def under_way() -> bool:
        producer = publisher._producer
        return producer is not None and bool(producer._sender._in_flight)

    await eventually(under_way, what="a request under way")
    stopping = asyncio.create_task(publisher.stop())
    ended, _ = await asyncio.wait([stopping, sending], timeout=20)
    assert stopping in ended, "it waits for ever"
    with pytest.raises(TransientError):
        await sending
    await publisher.send(topic, [(b"t1", payload)])
    assert len(await read_all(bench.lease, TALLIES)) == 1
    await publisher.stop()


async def test_a_batch_that_nobody_sends_is_not_waited_for_for_ever(bench: Bench) -> None:
    makes = [Deaf, AIOKafkaProducer]
    publisher = Publisher(bench.connection, producer=lambda **options: makes.pop(0)(**options), patience_seconds=0.2)
    topic = TALLIES.prefixed(bench.lease.prefix).name
    payload = publication_of(Tally(tally_id="t1"), 1).payload
    with pytest.raises(TransientError, match="did not take records"):
        await asyncio.wait_for(publisher.send(topic, [(b"t1", payload)]), 20)
    await publisher.stop()
