"""One process of the tally service, without HTTP: what a test can hold, crash and start again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from shared.kafka.broker import create_broker
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import Publisher
from shared.kafka.topics import Topic
from shared.pipeline import Limits, Pipeline, Relay, SnapshotPublisher, Subscription
from shared.pipeline.metrics import PipelineMetrics
from shared.postgres import Database
from tests.support.tally.service import EVENTS, TALLIES, Handle, TallyStore, on_events


class GatedPublisher(Publisher):
    """The real publisher, which sends only while its gate is open, and before that raises what it was given to."""

    def __init__(self, connection: KafkaConnection) -> None:
        super().__init__(connection)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()
        self.sent: list[bytes] = []
        self.failures: list[Exception] = []

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        held = list(records)
        self.waiting.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        await super().send(topic, held)
        self.sent += [key for key, _ in held]


@dataclass
class Process:
    """The parts of one process; made by `process`."""

    database: Database
    publisher: GatedPublisher
    snapshots: SnapshotPublisher
    metrics: PipelineMetrics
    pipeline: Pipeline
    topic: Topic
    running: "asyncio.Task[None] | None" = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    async def assigned(self) -> bool:
        """Whether this member has its share of the partitions and reads them."""
        return bool(await self.pipeline.lag()) and self.pipeline.not_ready() is None

    def count(self, outcome: str) -> int:
        """Records handled with this outcome, of everything this process finished."""
        labels = {"topic": self.topic.name, "outcome": outcome}
        return int(self.registry.get_sample_value("ebbtide_records_handled_total", labels) or 0)


@contextlib.asynccontextmanager
async def process(
    connection: KafkaConnection,
    dsn: str,
    prefix: str,
    *,
    handler: Handle = on_events,
    crash: bool = False,
    held: bool = False,
    relay: bool = False,
    contract: Any = None,
    writer: str = EVENTS.writer,
    **limits: Any,
) -> AsyncIterator[Process]:
    """A running process. `crash`: it ends without finishing anything. `held`: nothing is published at first.

    `limits` are those of a pipeline, such as max_records.
    """
    events = replace(EVENTS.prefixed(prefix), writer=writer)
    registry = CollectorRegistry()
    metrics = PipelineMetrics(registry)
    publisher = GatedPublisher(connection)
    if held:
        publisher.gate.clear()
    broker = create_broker(connection)
    async with Database(dsn, application="tally") as database:
        snapshots = SnapshotPublisher(publisher, database, TALLIES.prefixed(prefix), TallyStore, metrics=metrics)
        pipeline = Pipeline(
            Subscription(topic=events, group=f"{prefix}tally", handler=handler, contract=contract),
            database=database,
            snapshots=snapshots,
            metrics=metrics,
            limits=Limits(**limits),
        )
        pipeline.attach(broker)
        one = Process(database, publisher, snapshots, metrics, pipeline, events, registry=registry)
        one.running = asyncio.create_task(pipeline.run())
        loops = [one.running]
        if relay:
            loops.append(asyncio.create_task(Relay(snapshots, metrics).run()))
        await broker.start()
        try:
            yield one
        finally:
            if not crash:
                for subscriber in broker.subscribers:
                    subscriber.running = False
                await pipeline.drain(10)
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await broker.stop()
            await publisher.stop()
