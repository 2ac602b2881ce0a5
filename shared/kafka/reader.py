"""Reads topics without a group: follows small tables that every process needs, reads on up to the end."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.clock import pause
from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import Topic

log = structlog.get_logger(__name__)

# What comes is told at once; a broker with nothing to tell need not be asked more often.
_FETCH_WAIT_MS = 5_000

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
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    try:
        await consumer.start()
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        # Asked before anything is fetched: on one connection an answer waits for the fetch before it.
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for one in partitions:
            consumer.seek(one, begins[one] if last is None else max(begins[one], ends[one] - last))
        caught_up = False
        while True:
            found = await consumer.getmany(timeout_ms=1_000 if caught_up else 100)
            caught_up = caught_up or all([await consumer.position(one) >= end for one, end in ends.items()])
            yield [(record.key, record.value) for records in found.values() for record in records], caught_up
    except (KafkaError, OSError) as error:
        raise TransientError(f"cannot read {topic.name}: {error!r}") from error
    finally:
        await consumer.stop()


async def read_on(
    connection: KafkaConnection, topic: Topic, starts: Mapping[int, int]
) -> AsyncGenerator[tuple[list["ConsumerRecord[bytes, bytes]"], dict[int, int]], None]:
    """Records from these offsets up to the end as it is now, each list with the offsets up to which all was given.

    A partition without a start, or that is shorter than its start, is read from its first record. The last list may be
    empty. Raises TransientError when the broker goes away.
    """
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for one in partitions:
            start = starts.get(one.partition, 0)
            consumer.seek(one, max(start, begins[one]) if start <= ends[one] else begins[one])
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            found = await consumer.getmany(timeout_ms=100)
            records = [record for several in found.values() for record in several]
            if records:
                yield records, {one.partition: await consumer.position(one) for one in partitions}
        yield [], {one.partition: end for one, end in ends.items()}
    except (KafkaError, OSError) as error:
        raise TransientError(f"cannot read {topic.name}: {error!r}") from error
    finally:
        await consumer.stop()
