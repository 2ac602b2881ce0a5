"""Offsets of what is published, on their way to Kafka."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from shared.clock import pause
from shared.kafka.client import Consumer, KafkaError, TopicPartition
from shared.kafka.topics import Topic
from shared.pipeline.records import PartitionProgress

log = structlog.get_logger(__name__)

# A commit costs broker and client as much as a batch of records; one that comes late costs a repetition at worst.
COMMIT_PAUSE_SECONDS = 0.5
COMMIT_SECONDS = 5


class OffsetCommitter:
    """Commits what was added: at once, and what comes within half a second after that together."""

    def __init__(self, topic: Topic, consumer: Callable[[], Consumer | None]) -> None:
        self._topic = topic
        self._consumer = consumer
        self._offsets: dict[int, int] = {}
        self._added = asyncio.Event()
        self._committing = asyncio.Lock()

    def add(self, progress: Iterable[PartitionProgress]) -> None:
        """Everything below these offsets is published, in this order for each partition."""
        self._offsets.update((entry.partition, entry.next_offset) for entry in progress)
        self._added.set()

    def forget(self) -> None:
        """The partitions are somebody else's now."""
        self._offsets.clear()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._added.wait()
            self._added.clear()
            await self.commit()
            await pause(COMMIT_PAUSE_SECONDS)

    async def commit(self) -> None:
        """Commit now what was added so far. Does not raise; what Kafka did not take is tried again."""
        async with self._committing:
            consumer = self._consumer()
            if not self._offsets or consumer is None:
                return
            offsets, self._offsets = self._offsets, {}
            named = {TopicPartition(self._topic.name, partition): offset for partition, offset in offsets.items()}
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    await consumer.commit(named)
            except (KafkaError, TimeoutError) as error:
                log.warning("commit_failed", topic=self._topic.name, error=repr(error))
                self._offsets = offsets | self._offsets
                self._added.set()
