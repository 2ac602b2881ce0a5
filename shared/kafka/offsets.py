"""Asks the brokers how far a topic reaches and how far a group has come; joins no group and reads nothing."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import Topic


class Offsets:
    """Connects when first asked, and again after an error. A question raises TransientError while brokers are away."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._coordinators: dict[str, int] = {}
        self._connecting = asyncio.Lock()

    async def ends(self, topic: Topic) -> tuple[int, ...]:
        """The next offset of each partition: whatever was acknowledged before the question is below it."""
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        try:
            consumer = await self._reader()
            ends = await consumer.end_offsets(partitions)
        except (KafkaError, OSError) as error:
            raise await self._gone(error) from error
        return tuple(ends[one] for one in partitions)

    async def _reader(self) -> AIOKafkaConsumer:
        async with self._connecting:  # several ask; nobody may be given one that is still connecting
            if self._consumer is None:
                consumer = AIOKafkaConsumer(**self._connection.client_options(), enable_auto_commit=False)
                try:
                    await consumer.start()
                except BaseException:
                    await consumer.stop()
                    raise
                self._consumer = consumer
            return self._consumer

    async def committed(self, group: str, topic: Topic) -> Mapping[int, int]:
        """What the group has committed, by partition; those without a commit are left out."""
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        try:
            if self._admin is None:
                self._admin = AIOKafkaAdminClient(**self._connection.client_options(), request_timeout_ms=5_000)
                await self._admin.start()
            if group not in self._coordinators:
                self._coordinators[group] = await self._admin.find_coordinator(group)
            found = await self._admin.list_consumer_group_offsets(group, self._coordinators[group], partitions)
        except (KafkaError, OSError) as error:
            raise await self._gone(error) from error
        return {one.partition: entry.offset for one, entry in found.items() if entry.offset >= 0}

    async def close(self) -> None:
        """Let go of the connections; the next question makes new ones."""
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        self._coordinators.clear()
        if consumer is not None:
            await consumer.stop()
        if admin is not None:
            await admin.close()

    async def _gone(self, error: Exception) -> TransientError:
        await self.close()
        return TransientError(f"Kafka does not answer at {self._connection.bootstrap}: {error!r}")
