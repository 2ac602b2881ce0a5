"""Reads a whole compacted topic and follows it: for small tables that every process needs, like access."""

from collections.abc import AsyncGenerator, Callable, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.clock import pause
from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import Topic

log = structlog.get_logger(__name__)

Record = tuple[bytes | None, bytes | None]
"""Key and value."""


async def follow(
    connection: KafkaConnection,
    topic: Topic,
    learn: Callable[[Sequence[Record], bool], None],
    *,
    last: int | None = None,
) -> None:
    """Call `learn` with everything `follow_topic` gives, for ever; from the start again after a failure."""
    while True:
        try:
            async for records, caught_up in follow_topic(connection, topic, last=last):
                learn(records, caught_up)
        except TransientError as error:
            log.warning("following_waits", topic=topic.name, error=str(error))
            await pause(1)


async def follow_topic(
    connection: KafkaConnection, topic: Topic, *, last: int | None = None
) -> AsyncGenerator[tuple[list[Record], bool], None]:
    """Records (key, value) from the first on, in lists, for ever; each list with whether the end is reached.

    With `last`, from so many records of each partition before the end on. The end is the one when reading began.
    Belongs to no group, so every process sees everything. Close it when done.
    Raises TransientError when the broker goes away.
    """
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        if last is not None:
            for one, begin in (await consumer.beginning_offsets(partitions)).items():
                consumer.seek(one, max(begin, ends[one] - last))
        caught_up = False
        while True:
            found = await consumer.getmany(timeout_ms=1_000 if caught_up else 100)
            caught_up = caught_up or all([await consumer.position(one) >= end for one, end in ends.items()])
            yield [(record.key, record.value) for records in found.values() for record in records], caught_up
    except (KafkaError, OSError) as error:
        raise TransientError(f"cannot read {topic.name}: {error!r}") from error
    finally:
        await consumer.stop()
