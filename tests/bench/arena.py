"""Where a bench takes place: one broker and one PostgreSQL of this machine, topics, and a database per run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from shared.clock import pause
from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import TOPICS, Topic
from shared.postgres import load_queries
from tests.bench.check import end_of
from tests.bench.measure import listener

_SQL = load_queries(Path(__file__).parent / "sql" / "arena.sql")
_TOPIC_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Arena:
    """The two servers. `dsn` may create databases; logs of the contenders go to `logs`."""

    bootstrap: str
    dsn: str
    logs: Path

    def kafka(self) -> psutil.Process:
        """The broker's process."""
        return listener(self.bootstrap)

    def postgres(self) -> psutil.Process:
        """PostgreSQL's first process, parent of all others."""
        return listener(urlsplit(self.dsn).netloc.rpartition("@")[2])

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[str]:
        """The DSN of a new, empty database that is gone afterwards. The server has written out everything older."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(_SQL.drop_database.format(name=name))
            await connection.execute(_SQL.create_database.format(name=name))
            await connection.execute(_SQL.settle)
            yield urlunsplit(urlsplit(self.dsn)._replace(path=f"/{name}"))
            await connection.execute(_SQL.drop_database.format(name=name))
        finally:
            await connection.close()

    async def topic(self, name: str) -> None:
        """Create a topic as the registry would, if it is not there. Returns when the broker knows it."""
        own = Topic(name=name, writer="bench", key="reference", payload=None, cleanup="delete", description="bench")
        topic = next((known for known in TOPICS if known.name == name), own)
        for _ in range(_TOPIC_ATTEMPTS):
            try:
                return await ensure_topics(KafkaConnection(bootstrap=self.bootstrap, client_id="bench"), [topic])
            except TransientError:
                await pause(0.2)
        raise TransientError(f"the broker did not create {name}")

    async def postgres_version(self) -> str:
        """What the server says it is."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return str(await connection.fetchval(_SQL.get_server_version))
        finally:
            await connection.close()


class Group:
    """Watches from outside how far a consumer group is in one topic."""

    def __init__(self, admin: AIOKafkaAdminClient, group: str, ends: dict[TopicPartition, int]) -> None:
        self._admin, self._group, self._ends = admin, group, ends
        self._coordinator: int | None = None

    async def has_started(self, members: int) -> bool:
        """Whether so many members have their partitions, so that the first record is on its way."""
        self._coordinator = await self._admin.find_coordinator(self._group)
        [answer] = await self._admin.describe_consumer_groups([self._group], self._coordinator)
        _, _, state, *_, found = answer.groups[0][:6]
        return bool(state == "Stable" and len(found) >= members)

    async def lag(self) -> int:
        """Records not committed yet."""
        committed = await self._admin.list_consumer_group_offsets(
            self._group, self._coordinator, partitions=list(self._ends)
        )
        return sum(end - max(committed[partition].offset, 0) for partition, end in self._ends.items())


@asynccontextmanager
async def watching(arena: Arena, group: str, topic: str) -> AsyncIterator[Group]:
    """A group, sent back to the beginning of its topic, and the end of that topic as it is now."""
    ends = await end_of(arena.bootstrap, topic)
    async with AIOKafkaConsumer(
        bootstrap_servers=arena.bootstrap, group_id=group, enable_auto_commit=False
    ) as consumer:
        consumer.assign(list(ends))
        await consumer.commit(dict.fromkeys(ends, 0))
    admin = AIOKafkaAdminClient(bootstrap_servers=arena.bootstrap, client_id="bench")
    await admin.start()
    try:
        yield Group(admin, group, ends)
    finally:
        await admin.close()
