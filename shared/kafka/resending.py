"""Puts a record back onto its topic byte for byte, headers and all, for an operator who replays what was set aside."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import partition_of

_LARGEST_BYTES = 2 * 1024 * 1024


class Resender:
    """One producer. Use `open_resender`."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send(self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> int:
        """Returns the new offset when the brokers have acknowledged it.

        Raises TransientError when that is unknown: the record may be on the topic or not.
        """
        try:
            partition = partition_of(key, len(await self._producer.partitions_for(topic)))
            sent = await self._producer.send_and_wait(topic, value, key=key, partition=partition, headers=list(headers))
        except KafkaError as error:
            raise TransientError(f"Kafka did not acknowledge a record for {topic}: {error!r}") from error
        return int(sent.offset)


@asynccontextmanager
async def open_resender(connection: KafkaConnection) -> AsyncIterator[Resender]:
    """Raises TransientError when the brokers do not answer."""
    producer = AIOKafkaProducer(
        **connection.client_options(),
        acks="all",
        enable_idempotence=True,
        max_request_size=_LARGEST_BYTES,
        request_timeout_ms=10_000,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise TransientError(f"Kafka does not answer at {connection.bootstrap}: {error!r}") from error
    try:
        yield Resender(producer)
    finally:
        await producer.stop()
