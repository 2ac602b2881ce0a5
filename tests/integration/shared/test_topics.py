"""The broker's topics are what the registry says, or nothing starts; the publisher survives what the broker refuses."""

import asyncio
import dataclasses
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.errors import ConfigurationError, TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import Publisher
from shared.kafka.topics import Topic
from tests.support.tally.bench import Bench
from tests.support.tally.service import EVENTS, TALLIES, Tally, publication_of
from tests.support.topics import read_all
from tests.support.waiting import eventually


async def test_topics_that_are_as_they_should_be_are_left_alone(bench: Bench) -> None:
    await ensure_topics(bench.connection, [EVENTS.prefixed(bench.lease.prefix), TALLIES.prefixed(bench.lease.prefix)])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"partitions": 3}, "has 2 partitions where the registry says 3"), ({"cleanup": "compact"}, "cleanup.policy")],
)
async def test_a_topic_that_differs_is_refused(bench: Bench, change: dict[str, object], complaint: str) -> None:
    """Another number of partitions moves keys; another clean-up policy loses records."""
    wanted: Topic = dataclasses.replace(EVENTS.prefixed(bench.lease.prefix), **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=complaint):
        await ensure_topics(bench.connection, [wanted])


async def test_brokers_that_are_away_are_waited_for() -> None:
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1"):
        await ensure_topics(KafkaConnection(bootstrap="127.0.0.1:1", client_id="tests"), [EVENTS])


async def test_records_of_one_key_keep_their_order_and_their_partition(bench: Bench) -> None:
    publisher = Publisher(bench.connection)
    sent = [publication_of(Tally(tally_id=f"t{number % 7}"), number) for number in range(1_500)]
    await publisher.send(
        TALLIES.prefixed(bench.lease.prefix).name, ((one.entity_id.encode(), one.payload) for one in sent)
    )
    await publisher.stop()
    found = [(key, value.version) for key, value in await read_all(bench.lease, TALLIES)]
    assert sorted(found) == sorted((one.entity_id, one.version) for one in sent)
    for number in range(7):
        versions = [version for key, version in found if key == f"t{number}"]
        assert versions == sorted(versions)


async def test_after_an_error_the_publisher_goes_on_with_a_new_producer(bench: Bench) -> None:
    """A refused batch burns a sequence number, after which the old producer's records could be refused for good."""
    publisher = Publisher(bench.connection)
    topic = TALLIES.prefixed(bench.lease.prefix).name
    await publisher.send(topic, [(b"t1", publication_of(Tally(tally_id="t1"), 1).payload)])
    with pytest.raises(TransientError, match=topic):
        await publisher.send(topic, [(b"t1", bytes(3 * 1024 * 1024))])
    for version in (2, 3):
        await publisher.send(topic, [(b"t1", publication_of(Tally(tally_id="t1"), version).payload)])
    await publisher.stop()
    assert [value.version for _, value in await read_all(bench.lease, TALLIES)] == [1, 2, 3]


async def test_a_publisher_without_brokers_says_so() -> None:
    publisher = Publisher(KafkaConnection(bootstrap="127.0.0.1:1", client_id="tests"))
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1"):
        await publisher.send("any", [(b"k", b"v")])
    await publisher.stop()


class Stubborn(AIOKafkaProducer):  # type: ignore[misc]  # the client library is untyped
    """A producer whose brokers have fallen silent: nothing is acknowledged, and it cannot finish."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        raise TimeoutError


async def test_a_producer_that_does_not_stop_is_silenced(bench: Bench) -> None:
    """It sends nothing any more, over what came after; and whoever waits for it is told."""
    made: list[Stubborn] = []

    def make(**options: Any) -> Stubborn:
        made.append(Stubborn(**options))
        return made[-1]

    publisher = Publisher(bench.connection, producer=make)
    topic = TALLIES.prefixed(bench.lease.prefix).name
    sending = asyncio.create_task(publisher.send(topic, [(b"t1", b"late")]))

    async def waits() -> bool:
        return bool(publisher._unsettled)

    await eventually(waits, what="a record under way")
    await asyncio.wait_for(publisher.stop(), 5)
    with pytest.raises(TransientError):
        await asyncio.wait_for(sending, 5)
    assert made[0]._sender.sender_task.done()
