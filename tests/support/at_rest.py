"""Tells when everything accepted has gone through all services, by looking at stores and topics from outside."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kafka.topics import ALERTS, INTERACTIONS, NOTIFICATIONS, PROFILES, SCORES, Topic
from shared.postgres import load_queries

_QUERIES = load_queries(Path(__file__).parent / "sql" / "at_rest.sql")
CONSUMES: Mapping[str, tuple[Topic, ...]] = {
    "ingest": (),
    "profiles": (INTERACTIONS,),
    "scoring": (PROFILES,),
    "alerts": (PROFILES, SCORES),
    "notify": (PROFILES, ALERTS),
}
_TOPICS = (INTERACTIONS, PROFILES, SCORES, ALERTS, NOTIFICATIONS)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: who is busy with what, the ends of the topics, and the next instant anybody waits for."""

    busy: Mapping[str, str]
    ends: Mapping[str, int] = field(default_factory=dict)
    next_at: datetime | None = None


class Watcher:
    """Looks at the stores of five services and at their topics. Use as an async context manager.

    `in_hand` answers how many records each service has read and not yet published.
    """

    def __init__(
        self,
        dsns: Mapping[str, str],
        bootstrap: str,
        *,
        in_hand: Callable[[], Awaitable[Mapping[str, float]]],
        prefix: str = "",
    ) -> None:
        self._dsns = dsns
        self._in_hand = in_hand
        self._prefix = prefix
        self._connections: dict[str, Any] = {}
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)

    async def __aenter__(self) -> "Watcher":
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
        for service in list(self._connections):
            await self._drop(service)

    async def look(self, now: datetime) -> Look:
        """One look. Between two equal ones without anybody busy nothing was under way."""
        ends = await self._ends()
        states = dict(zip(CONSUMES, await asyncio.gather(*(self._ask(one, now) for one in CONSUMES)), strict=True))
        busy: dict[str, str] = {}
        for service, state in states.items():
            if problem := self._busy(service, state, ends):
                busy[service] = problem
        for service, records in (await self._in_hand()).items():
            if records:
                busy.setdefault(service, f"{records:g} records in hand")
        if not busy and await self._ends() != ends:
            busy["topics"] = "records are being written"
        instants = [state["next_at"] for state in states.values() if state is not None and state["next_at"] is not None]
        return Look(busy, ends, min(instants, default=None))

    def _busy(self, service: str, state: Any, ends: Mapping[str, int]) -> str | None:
        if state is None:
            return "its database does not answer"
        if state["owed"] or state["due"]:
            return f"{state['due']} due, {state['owed']} to publish"
        progress = msgspec.json.decode(state["progress"], type=dict[str, int])
        behind = {
            place: end - progress.get(place, 0)
            for topic in CONSUMES[service]
            for place in self._places(topic)
            if (end := ends[place]) > progress.get(place, 0)
        }
        return f"behind by {behind}" if behind else None

    async def _ask(self, service: str, now: datetime) -> Any:
        try:
            if service not in self._connections:
                self._connections[service] = await asyncpg.connect(self._dsns[service], timeout=5)
            return await self._connections[service].fetchrow(getattr(_QUERIES, service), now, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            await self._drop(service)
            return None

    async def _drop(self, service: str) -> None:
        connection = self._connections.pop(service, None)
        if connection is not None:
            try:
                await connection.close(timeout=2)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                connection.terminate()

    async def _ends(self) -> dict[str, int]:
        partitions = [
            TopicPartition(self._prefix + one.name, number) for one in _TOPICS for number in range(one.partitions)
        ]
        return {
            f"{one.topic}/{one.partition}": end for one, end in (await self._consumer.end_offsets(partitions)).items()
        }

    def _places(self, topic: Topic) -> list[str]:
        return [f"{self._prefix}{topic.name}/{number}" for number in range(topic.partitions)]
