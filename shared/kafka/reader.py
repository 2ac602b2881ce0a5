"""Reads a whole compacted topic into memory and follows it: for small tables that every process needs, like access."""

from collections.abc import AsyncIterator, Callable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import Topic

log = structlog.get_logger(__name__)

Record = tuple[bytes | None, bytes | None]


async def follow_topic(
    connection: KafkaConnection, topic: Topic, caught_up: Callable[[], None]
) -> AsyncIterator[Record]:
    """Every record from the first on, for ever; `caught_up` is called once the end at the time of the call is reached.

    Belongs to no group, so every process sees everything. Raises TransientError when the broker goes away.
    """
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        behind = {partition for partition, end in ends.items() if end > await consumer.position(partition)}
        if not behind:
            caught_up()
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    yield record.key, record.value
                if partition in behind and await consumer.position(partition) >= ends[partition]:
                    behind.discard(partition)
                    if not behind:
                        caught_up()
    except (KafkaError, OSError) as error:
        raise TransientError(f"cannot read {topic.name}: {error!r}") from error
    finally:
        await consumer.stop()
