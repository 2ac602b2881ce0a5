"""Looks up single records by their offsets; joins no group."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.header_names import tolerate_header_names

_READ_SECONDS = 5.0


class Found(NamedTuple):
    """The record at an offset, None where the log ends before it; and the first offset the log has."""

    record: "ConsumerRecord[bytes, bytes] | None"
    begin: int


async def find_records(connection: KafkaConnection, topic: str, offsets: Mapping[int, int]) -> dict[int, Found]:
    """What is at one offset of each of these partitions.

    Left out is what lies before the first record, was compacted away, or is not answered in time. Raises
    TransientError while brokers are away.
    """
    if not offsets:
        return {}
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        # One record batch is wanted, and the broker gives no less.
        max_partition_fetch_bytes=1,
    )
    try:
        await consumer.start()
        tolerate_header_names(consumer)
        wanted = {TopicPartition(topic, number): offset for number, offset in offsets.items()}
        ends, begins = await consumer.end_offsets(list(wanted)), await consumer.beginning_offsets(list(wanted))
        found = {one.partition: Found(None, begins[one]) for one, offset in wanted.items() if offset >= ends[one]}
        there = [one for one, offset in wanted.items() if begins[one] <= offset < ends[one]]
        consumer.assign(there)
        for one in there:
            consumer.seek(one, wanted[one])
        for one in there:
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    record = await consumer.getone(one)
            except TimeoutError:
                continue
            if record.offset == wanted[one]:
                found[one.partition] = Found(record, begins[one])
        return found
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {connection.bootstrap}: {error!r}") from error
    finally:
        await consumer.stop()
