"""Reads and writes topics as a test does: from outside, with the client library."""

from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import Publisher
from shared.kafka.topics import Topic
from tests.support.stack import Lease


async def publish(lease: Lease, topic: Topic, records: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Put records onto a topic of this test."""
    publisher = Publisher(KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tests"))
    try:
        await publisher.send(topic.prefixed(lease.prefix).name, records)
    finally:
        await publisher.stop()


async def read_all(lease: Lease, topic: Topic) -> list[tuple[str, Any]]:
    """Every record of a topic as (key, decoded payload or None), oldest first within a partition."""
    name = topic.prefixed(lease.prefix).name
    consumer = AIOKafkaConsumer(bootstrap_servers=lease.kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for one in records:
                    value = msgspec.json.decode(one.value, type=topic.payload) if one.value else None
                    found.append((one.key.decode(), value))
        return found
    finally:
        await consumer.stop()


async def last_per_key(lease: Lease, topic: Topic) -> dict[str, Any]:
    """What a reader who comes late sees of a compacted topic."""
    return dict(await read_all(lease, topic))
