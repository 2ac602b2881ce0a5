"""A tally service's surroundings in one test: its topics, its database, and what can be seen from outside."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from shared.contracts import Interaction
from shared.errors import TransientError
from shared.ids import customer_id_of
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import partition_of
from tests.support.builders import interaction, record
from tests.support.stack import Lease
from tests.support.tally.process import Process, process
from tests.support.tally.service import EVENTS, QUERIES, TALLIES, tally_in
from tests.support.topics import publish, read_all
from tests.support.waiting import eventually

Owed = tuple[str, int, float]


@dataclass
class Bench:
    """`dsn` may be changed between two processes: the database was restored from a backup."""

    lease: Lease
    connection: KafkaConnection
    dsn: str

    @property
    def group(self) -> str:
        return f"{self.lease.prefix}tally"

    def process(self, **options: Any) -> AbstractAsyncContextManager[Process]:
        return process(self.connection, self.dsn, self.lease.prefix, **options)

    async def create_topics(self) -> None:
        topics = [topic.prefixed(self.lease.prefix) for topic in (EVENTS, TALLIES)]

        async def created() -> bool:
            with contextlib.suppress(TransientError):
                await ensure_topics(self.connection, topics)
                return True
            return False

        await eventually(created, what="the topics")

    async def delete_events(self) -> None:
        admin = AIOKafkaAdminClient(**self.connection.client_options())
        name = EVENTS.prefixed(self.lease.prefix).name
        await admin.start()
        try:
            await admin.delete_topics([name])

            async def gone() -> bool:
                return name not in await admin.list_topics()

            await eventually(gone, what="the end of the topic")
        finally:
            await admin.close()

    async def remove_before(self, offset: int) -> None:
        """Remove the records below an offset from the partition of `shop:0`, as retention does."""
        admin = AIOKafkaAdminClient(**self.connection.client_options())
        name = EVENTS.prefixed(self.lease.prefix).name
        await admin.start()
        try:
            one = TopicPartition(name, partition_of(b"shop:0", EVENTS.partitions))
            await admin.delete_records({one: RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()

    async def emit(self, *events: Interaction) -> None:
        await publish(self.lease, EVENTS, [record(one) for one in events])

    async def emit_pairs(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        await publish(self.lease, EVENTS, records)

    async def send_with(self, producer: AIOKafkaProducer, *events: Interaction) -> None:
        """Through a producer of the test's own, onto the partitions they belong to."""
        for key, value in map(record, events):
            name = EVENTS.prefixed(self.lease.prefix).name
            await producer.send_and_wait(name, value, key=key, partition=partition_of(key, EVENTS.partitions))

    async def emit_raw(self, value: bytes | None, *, key: bytes = b"shop:1", headers: Any = None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.lease.kafka_bootstrap)
        await producer.start()
        try:
            name = EVENTS.prefixed(self.lease.prefix).name
            await producer.send_and_wait(name, value, key=key, partition=0, headers=headers)
        finally:
            await producer.stop()

    async def committed(self) -> dict[int, int]:
        """Kafka's offset of each partition that has one."""
        return await self.committed_by("tally")

    async def committed_by(self, group: str) -> dict[int, int]:
        """The same of another group."""
        async with self._member(group) as consumer:
            name = EVENTS.prefixed(self.lease.prefix).name
            found = {number: await consumer.committed(TopicPartition(name, number)) for number in (0, 1)}
        return {number: offset for number, offset in found.items() if offset is not None}

    async def commit(self, offsets: dict[int, int]) -> None:
        """Set Kafka's offsets, as a tool that moves a group to another cluster does."""
        async with self._member() as consumer:
            name = EVENTS.prefixed(self.lease.prefix).name
            consumer.assign([TopicPartition(name, number) for number in offsets])
            await consumer.commit(
                {TopicPartition(name, number): OffsetAndMetadata(offset, "") for number, offset in offsets.items()}
            )

    @contextlib.asynccontextmanager
    async def _member(self, group: str = "tally") -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.lease.kafka_bootstrap, group_id=self.lease.prefix + group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def progress(self) -> dict[int, int]:
        name = EVENTS.prefixed(self.lease.prefix).name
        return {row[0]: row[1] for row in await self.rows(QUERIES.list_progress, name)}

    async def owed(self) -> list[Owed]:
        """What to_publish holds: entity, version, seconds until it is due."""
        return [tuple(row) for row in await self.rows(QUERIES.list_owed)]

    async def stored(self) -> dict[str, tuple[int, tuple[str, ...]]]:
        """Tally id to version and ids."""
        rows = await self.rows(QUERIES.list_snapshots)
        return {str(row[0]): (row[1], tally_in(row[2], "").ids) for row in rows}

    async def last_records(self) -> dict[str, Any]:
        """Tally id to the last record, None for a tombstone."""
        return dict(await read_all(self.lease, TALLIES))

    async def published(self) -> dict[str, tuple[int, tuple[str, ...]]]:
        """What a reader who comes late sees."""
        records = await self.last_records()
        return {key: (value.version, value.data.ids) for key, value in records.items()}

    async def backup(self) -> str:
        """The DSN of a copy of the database as it is now. Nobody may be connected."""
        return await self.lease.copy_of(self.dsn)

    async def settled(self, offsets: dict[int, int]) -> None:
        """Wait until Kafka's offsets are these."""

        async def committed() -> bool:
            return await self.committed() == offsets

        await eventually(committed, what=f"the offsets {offsets}")

    async def finished(self, total: int) -> None:
        """Wait until that many ids are published, as stored, and committed as far as stored."""

        async def all_there() -> bool:
            stored = await self.stored()
            if sum(len(ids) for _, ids in stored.values()) < total:
                return False
            return await self.published() == stored and await self.committed() == await self.progress()

        await eventually(all_there, what=f"{total} ids stored, published and committed")


def ids_of(stored: dict[str, tuple[int, tuple[str, ...]]], reference: str) -> tuple[str, ...]:
    """The ids counted for one reference."""
    return stored.get(customer_id_of(reference), (0, ()))[1]


def events(count: int, *, references: int = 1, prefix: str = "e") -> list[Interaction]:
    """Interactions with the ids `e0, e1, ...`, spread over references `shop:0, shop:1, ...`."""
    return [interaction(subject=f"shop:{number % references}", id=f"{prefix}{number}") for number in range(count)]


def all_ids(stored: dict[str, tuple[int, tuple[str, ...]]]) -> list[str]:
    """Every id as often as it was counted."""
    return sorted(one for _, ids in stored.values() for one in ids)
