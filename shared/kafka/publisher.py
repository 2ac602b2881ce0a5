"""Sends records and returns when the brokers have acknowledged every one of them."""

import asyncio
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from shared.clock import pause, real_now
from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection

log = structlog.get_logger(__name__)

# Bytes of records in one request per partition. Above it a new record batch begins.
BATCH_BYTES = 512 * 1024
# A sender that was told to end has ended by then, or is told again.
SILENCE_SECONDS = 0.5
# An idempotent producer tries for ever, and one that is given up by one sender may leave another waiting for ever.
PATIENCE_SECONDS = 30.0
# Building record batches is pure CPU: let heartbeats and database answers in between.
RECORDS_BETWEEN_YIELDS = 500


async def _silence(producer: AIOKafkaProducer) -> None:
    """End a producer that still has records to send: later they would come after newer ones, and stay last.

    The library has no public way.
    """
    sending = producer._sender.sender_task if producer._sender is not None else None
    if sending is not None:
        sending.cancel()
    await producer.client.close()  # what is on its way ends with its connection
    while sending is not None and not sending.done():
        # Cancelled once it waits for its requests, and one of them may wait for metadata that nobody fetches any more.
        await asyncio.wait([sending], timeout=SILENCE_SECONDS)
        sending.cancel()
    if sending is not None and not sending.cancelled():
        sending.exception()  # asked for, or it is logged as forgotten


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC-32, as librdkafka's default partitioner has it (murmur2 is slow in Python)."""
    return zlib.crc32(key) % partitions


class Publisher:
    """One idempotent producer with `acks=all`, replaced after any error since its sequence numbers may be burnt."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        producer: Callable[..., AIOKafkaProducer] = AIOKafkaProducer,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._connection = connection
        self._make = producer
        self._patience_seconds = patience_seconds
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._unsettled: set[asyncio.Future[Any]] = set()
        # By topic and partition, where what was acknowledged last begins.
        self._acknowledged: dict[tuple[str, int], int] = {}
        self._watching: dict[str, Callable[[], None]] = {}

    def watch(self, topic: str, went_back: Callable[[], None]) -> None:
        """Call `went_back` when a record of this topic gets an offset that one before it had: the log lost records."""
        self._watching[topic] = went_back

    async def stop(self) -> None:
        """Let go of the connection. What is not acknowledged by then fails; a later `send` makes a new one."""
        producer, self._producer = self._producer, None
        unsettled = tuple(self._unsettled)
        if producer is not None:
            try:
                async with asyncio.timeout(5):
                    await producer.stop()
            except (TimeoutError, KafkaError):
                log.warning("producer_did_not_stop")
                await _silence(producer)
                for future in unsettled:
                    if not future.done():
                        future.set_exception(ProducerClosed())

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Send (key, value) pairs; those of one key keep their order. Returns when all are acknowledged.

        Raises TransientError when the outcome of any is unknown; sending all of them again is then the only way on.
        """
        producer = await self._ready()
        try:
            async with asyncio.timeout(self._patience_seconds):
                futures = await self._enqueue(producer, topic, records)
                results = await asyncio.gather(*futures, return_exceptions=True)
        except (KafkaError, TimeoutError) as error:
            await self._discard(producer)
            raise TransientError(f"Kafka did not take records for {topic}: {error!r}") from error
        if failed := [result for result in results if isinstance(result, BaseException)]:
            await self._discard(producer)
            raise TransientError(f"Kafka did not acknowledge records for {topic}: {failed[0]!r}")

    async def _ready(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._make(
                    **self._connection.client_options(),
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=4 * BATCH_BYTES,
                    request_timeout_ms=10_000,
                )
                try:
                    async with asyncio.timeout(10):
                        await producer.start()
                except (KafkaError, OSError, TimeoutError) as error:
                    await producer.stop()
                    raise TransientError(f"Kafka does not answer at {self._connection.bootstrap}: {error!r}") from error
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            await self.stop()

    async def _enqueue(
        self, producer: AIOKafkaProducer, topic: str, records: Iterable[tuple[bytes, bytes | None]]
    ) -> list["asyncio.Future[Any]"]:
        partitions = len(await producer.partitions_for(topic))
        now_ms = int(real_now().timestamp() * 1000)
        builders: dict[int, Any] = {}
        futures: list[asyncio.Future[Any]] = []
        for index, (key, value) in enumerate(records, start=1):
            partition = partition_of(key, partitions)
            builder = builders.get(partition)
            if builder is None:
                builder = builders[partition] = producer.create_batch()
            if builder.append(timestamp=now_ms, key=key, value=value) is None:
                futures.append(await self._hand_over(producer, builder, topic, partition))
                builder = builders[partition] = producer.create_batch()
                builder.append(timestamp=now_ms, key=key, value=value)
            if index % RECORDS_BETWEEN_YIELDS == 0:
                await pause(0)
        for partition, builder in builders.items():
            futures.append(await self._hand_over(producer, builder, topic, partition))
        return futures

    async def _hand_over(
        self, producer: AIOKafkaProducer, builder: Any, topic: str, partition: int
    ) -> "asyncio.Future[Any]":
        """The answer to a batch. It is known until it is settled, for whoever broke off sending does not ask."""
        # What was acknowledged before this is handed over lies before it, whichever producer sent it.
        floor = self._acknowledged.get((topic, partition), -1)
        future: asyncio.Future[Any] = await producer.send_batch(builder, topic, partition=partition)

        def settled(one: "asyncio.Future[Any]") -> None:
            self._unsettled.discard(one)
            if not one.cancelled() and one.exception() is None:
                self._note(topic, partition, one.result().offset, floor)

        self._unsettled.add(future)
        future.add_done_callback(settled)
        return future

    def _note(self, topic: str, partition: int, offset: int, floor: int) -> None:
        known = self._acknowledged.get((topic, partition), -1)
        if offset > floor:
            self._acknowledged[topic, partition] = max(offset, known)
        elif offset >= 0:  # what the broker knew already may have none
            self._acknowledged[topic, partition] = offset
            log.error("topic_went_back", topic=topic, partition=partition, acknowledged=floor, given=offset)
            if topic in self._watching:
                self._watching[topic]()
