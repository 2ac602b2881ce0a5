"""What a writer concludes from the offsets its records are given."""

import asyncio
from types import SimpleNamespace
from typing import Any

from shared.clock import pause
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import Publisher


class Scripted:
    """A producer of one partition whose answers the test gives."""

    def __init__(self, **_: Any) -> None:
        self.handed_over: list[asyncio.Future[Any]] = []

    async def start(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> SimpleNamespace:
        return SimpleNamespace(append=lambda **_: object())

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        self.handed_over.append(asyncio.get_running_loop().create_future())
        return self.handed_over[-1]


class Writer:
    """Sends one record at a time and counts the alarms."""

    def __init__(self) -> None:
        self.producer = Scripted()
        self.alarms = 0
        connection = KafkaConnection(bootstrap="nowhere:1", client_id="tests")
        self._publisher = Publisher(connection, producer=lambda **_: self.producer)
        self._publisher.watch("scores.v1", self._alarm)

    async def send(self) -> "tuple[asyncio.Task[None], asyncio.Future[Any]]":
        """A record under way, and the answer to it."""
        before = len(self.producer.handed_over)
        sending = asyncio.create_task(self._publisher.send("scores.v1", [(b"one", b"{}")]))
        while len(self.producer.handed_over) == before:
            await pause(0)
        return sending, self.producer.handed_over[-1]

    async def sent(self, offset: int) -> None:
        sending, answer = await self.send()
        answer.set_result(SimpleNamespace(offset=offset))
        await sending

    def _alarm(self) -> None:
        self.alarms += 1


async def test_an_offset_that_was_given_before_means_that_the_log_lost_records() -> None:
    writer = Writer()
    for offset in (20, 21, 30):
        await writer.sent(offset)
    assert writer.alarms == 0
    for offset in (21, 22, 23):
        await writer.sent(offset)
    assert writer.alarms == 1
    await writer.sent(23)
    assert writer.alarms == 2, "another one may have been cut off at the same place"


async def test_answers_may_come_in_any_order_and_without_an_offset() -> None:
    """Two producers, one of which is being given up; and what the broker knew already."""
    writer = Writer()
    (first, early), (second, late) = await writer.send(), await writer.send()
    late.set_result(SimpleNamespace(offset=21))
    await second
    early.set_result(SimpleNamespace(offset=20))
    await first
    await writer.sent(-1)
    await writer.sent(22)
    assert writer.alarms == 0
