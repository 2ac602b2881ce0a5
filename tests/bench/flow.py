"""How far interactions have got in a whole system, seen from outside: groups, topics and what is owed to them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from shared.kafka.topics import INTERACTIONS, PROFILES, SCORES
from shared.postgres import load_queries
from tests.bench.installation import Installation
from tests.bench.workload import PARTITIONS

SQL = load_queries(Path(__file__).parent / "sql" / "system.sql")

# In the order of the flow: once a group has read everything, the topic of the next one grows no more.
GROUPS = (
    ("profiles", INTERACTIONS.name),
    ("scoring", PROFILES.name),
    ("alerts-profiles", PROFILES.name),
    ("alerts-scores", SCORES.name),
)
_OWING = ("profiles", "scoring", "alerts")


class Flow:
    """Watches one installation."""

    def __init__(
        self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, connections: Mapping[str, Any], prefix: str
    ) -> None:
        self._admin, self._consumer, self._connections, self._prefix = admin, consumer, connections, prefix

    async def accepted(self) -> int:
        """Records on the topic of interactions."""
        return sum((await self._ends(INTERACTIONS.name)).values())

    async def left(self) -> dict[str, int]:
        """What is still to be done before every interaction on the topic has become alerts; empty when all is."""
        left = {}
        for group, topic in GROUPS:
            ends = await self._ends(topic)
            committed = await self._admin.list_consumer_group_offsets(self._prefix + group, partitions=list(ends))
            left[group] = sum(end - max(committed[one].offset, 0) for one, end in ends.items())
        for service in _OWING:
            left[f"{service} owes"] = int(await self._connections[service].fetchval(SQL.count_owed))
        return {name: count for name, count in left.items() if count}

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        partitions = [TopicPartition(self._prefix + topic, number) for number in range(PARTITIONS)]
        return dict(await self._consumer.end_offsets(partitions))


@asynccontextmanager
async def flow(installation: Installation) -> AsyncIterator[Flow]:
    """Connected for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        bootstrap = installation.arena.bootstrap
        consumer = await stack.enter_async_context(
            AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="bench")
        await admin.start()
        stack.push_async_callback(admin.close)
        connections = {service: await asyncpg.connect(installation.dsns[service]) for service in _OWING}
        for connection in connections.values():
            stack.push_async_callback(connection.close)
        yield Flow(admin, consumer, connections, installation.prefix)
