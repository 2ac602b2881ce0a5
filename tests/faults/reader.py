"""Somebody who looks while everything breaks: asks three APIs and reads four topics, and tells what went backwards."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.clock import pause
from tests.faults.backwards import Backwards
from tests.faults.ledger import Difference
from tests.faults.observed import PARTITIONS, TOPICS

_PATHS = {"profiles": "/v1/customers/", "scoring": "/v1/scores/", "alerts": "/v1/alerts/"}
_PATIENCE = aiohttp.ClientTimeout(total=5)
_PACE_SECONDS = 0.5
# Who is asked about: what changed last, for that changes again.
_RECENT = 60
_AT_ONCE = 5


class LiveReader:
    """Reads from when it is entered until it is left. `answers` counts what the APIs told it, `records` the topics."""

    def __init__(self, urls: Mapping[str, str], key: str, bootstrap: str, *, seed: int) -> None:
        self.answers = 0
        self.records = 0
        self._urls = urls
        self._key = key
        self._chance = random.Random(seed)
        self._seen = Backwards()
        self._recent = {service: deque[str](maxlen=_RECENT) for service in TOPICS}
        self._partitions = [TopicPartition(topic, number) for topic in TOPICS.values() for number in range(PARTITIONS)]
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer  # from when it is entered
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap.split(","), enable_auto_commit=False)
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        self._tasks = [asyncio.create_task(self._tail()), *(asyncio.create_task(self._poll(one)) for one in _PATHS)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._consumer.stop()
        failures = [end for end in ends if isinstance(end, Exception)]
        if failures and error is None:
            raise failures[0]

    def forget(self, service: str) -> None:
        """What its API said; to be called while it cannot answer."""
        self._seen.forget(service)

    async def findings(self) -> list[Difference]:
        """What went backwards since the last call. At rest only: the topics are read to their ends first."""
        ends = await self._consumer.end_offsets(self._partitions)
        while any([await self._consumer.position(one) < end for one, end in ends.items()]):
            for task in self._tasks:
                if task.done():
                    task.result()
            await pause(0.1)
        self._seen.at_rest()
        return self._seen.take()

    async def _tail(self) -> None:
        services = {topic: service for service, topic in TOPICS.items()}
        while True:
            found = {}
            with contextlib.suppress(KafkaError):
                found = await self._consumer.getmany(timeout_ms=500)
            for partition, records in found.items():
                for record in records:
                    key = record.key.decode()
                    self._seen.record(partition.topic, key, record.value)
                    self._recent[services[partition.topic]].append(key)
                self.records += len(records)

    async def _poll(self, service: str) -> None:
        """One question after the other: an answer that is asked for later is not about an earlier moment."""
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(headers=headers, timeout=_PATIENCE) as session:
            while True:
                recent = sorted(set(self._recent[service]))
                for entity in self._chance.sample(recent, min(_AT_ONCE, len(recent))):
                    item = await self._ask(session, self._urls[service] + _PATHS[service] + entity)
                    if item is not None:
                        self.answers += 1
                        self._seen.answer(service, entity, item)
                await pause(_PACE_SECONDS)

    async def _ask(self, session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
        """What it says; None when it says nothing, which others count."""
        try:
            async with session.get(url) as answer:
                if answer.status != 200:
                    return None
                item: dict[str, Any] = await answer.json()
                return item
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
