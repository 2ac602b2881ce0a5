"""Everything one service process is made of: started in order, stopped in reverse, waiting for what is away."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from shared.access import Directory
from shared.clock import Clock, clock_from, pause
from shared.http.app import create_app
from shared.http.health import operator_routes
from shared.http.server import HttpServer
from shared.kafka.admin import ensure_topics
from shared.kafka.broker import create_broker
from shared.kafka.offsets import Offsets
from shared.kafka.publisher import Publisher
from shared.kafka.reader import follow
from shared.kafka.topics import ACCESS, SETTLED, TOPICS, Topic
from shared.lifecycle import cancel, supervise
from shared.observability.health import Health, Kind, Reason
from shared.observability.logging import configure_logging
from shared.pipeline import Limits, Pipeline, Relay, SnapshotPublisher, SnapshotStore, Subscription, TimerLoop
from shared.pipeline.identity import LogWatch
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.recall import OwingStore, Recall, Restore
from shared.pipeline.sampling import sample
from shared.pipeline.settled import SettledClock
from shared.pipeline.settling import LAST_MARKS, Marks, Settling, Source
from shared.pipeline.store import SQL
from shared.pipeline.timers import IDLE_SECONDS, Finish, Step, nothing_begun
from shared.postgres import Connection, Database, is_transient, migrate
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 10


class Application:
    """A service. `app.py` says what it consumes, wakes and serves; this starts, supervises and stops it.

    While PostgreSQL or Kafka is away at start, the process lives, answers /readyz with what it waits for, and goes on
    when it is there.
    """

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        *,
        store: Callable[[Connection], SnapshotStore],
        publishes: Topic,
        sql: Path,
        description: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock or clock_from(settings.clock)
        self.registry = CollectorRegistry()
        self.health = Health()
        self.directory = Directory()
        configure_logging(name, settings.log_level)
        self.connection = settings.kafka_connection(f"ebbtide-{name}")
        self.database = Database(
            settings.postgres_dsn.get_secret_value(),
            application=f"ebbtide-{name}",
            connections=settings.postgres_connections,
        )
        self.publisher = Publisher(self.connection)
        self.metrics = PipelineMetrics(self.registry)
        self._publishes = self.topic(publishes)
        self._access = self.topic(ACCESS)
        self._settled = self.topic(SETTLED)
        self._offsets = Offsets(self.connection)
        self._settling = Settling(self.database, self._offsets, self.clock)
        self._description = description
        self._migrations: Sequence[tuple[str, Path]] = (("pipeline", SQL / "migrations"), (name, sql / "migrations"))
        self._snapshots = SnapshotPublisher(self.publisher, self.database, self._publishes, store, metrics=self.metrics)
        self._broker = create_broker(self.connection)
        self._pipelines: list[tuple[Subscription, Pipeline]] = []
        self._loops: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []
        self._routers: list[APIRouter] = []
        self._failures: asyncio.Queue[Exception] = asyncio.Queue()
        self._recall: Recall | None = None
        self._stack = contextlib.AsyncExitStack()
        self.server: HttpServer | None = None
        self._relay = Relay(self._snapshots, self.metrics)
        self.run("relay", self._relay.run)
        self.run("access", partial(follow, self.connection, self._access, self.directory.learn))
        self.run("sampler", self._sample)

    # --- what app.py says

    def topic(self, topic: Topic) -> Topic:
        """A topic of the registry under its name in this installation."""
        return topic.prefixed(self.settings.kafka_topic_prefix)

    def consume(self, subscription: Subscription) -> None:
        """Handle the batches of a topic."""
        subscription = replace(
            subscription,
            topic=self.topic(subscription.topic),
            group=self.settings.kafka_topic_prefix + subscription.group,
        )
        pipeline = Pipeline(
            subscription,
            database=self.database,
            snapshots=self._snapshots,
            metrics=self.metrics,
            limits=Limits(
                max_records=self.settings.max_batch_records,
                watchdog_seconds=self.settings.watchdog_seconds,
                breaker=self.settings.breaker,
            ),
        )
        pipeline.attach(self._broker)
        self._settling.reached_by(subscription.topic, pipeline.assignment.reach)
        self._pipelines.append((subscription, pipeline))

        async def run() -> None:
            try:
                await pipeline.run()
            except Exception as error:
                log.exception("pipeline_broken", topic=subscription.topic.name)
                self._failures.put_nowait(error)
                # Stays down until the process has ended: run again, it would commit past what was lost.
                await asyncio.Event().wait()

        self.run(f"pipeline {subscription.topic.name}", run)
        watch = LogWatch(self.connection, subscription.topic.name, pipeline.assignment)
        self.run(f"log of {subscription.topic.name}", watch.run)

        async def check() -> Reason | None:
            kind = Kind.HALTED if pipeline.halted else Kind.STOPPED if pipeline.stopped else Kind.WAITING
            reason = pipeline.not_ready()
            return Reason(reason, kind) if reason else None

        self.health.add(subscription.topic.name, check)

    def every(
        self,
        name: str,
        step: Step,
        *,
        clock: Clock | None = None,
        idle_seconds: float = IDLE_SECONDS,
        finish: Finish = nothing_begun,
    ) -> None:
        """Call `step` again and again with the business time, or what another clock says; see TimerLoop."""
        told = self._relay.tell
        loop = TimerLoop(name, clock or self.clock, step, idle_seconds=idle_seconds, worked=told, finish=finish)
        self.run(f"timer {name}", loop.run)

    def settled(self, topic: Topic) -> SettledClock:
        """How far in time what this topic brings is complete: the clock of whatever follows from silence."""
        if not self._settling.is_needed:
            self.run("settled", partial(follow, self.connection, self._settled, self._settling.learn, last=LAST_MARKS))
            self.run("settling", self._settling.run)
        return self._settling.settled(self.topic(topic))

    def accepts(self, topic: Topic, *, complete: Callable[[], Awaitable[bool]]) -> None:
        """What is accepted here goes to `topic`: tell the services after us up to when it is there.

        `complete` says whether nothing that was accepted waits elsewhere.
        """
        self.run("marks", Source(self._marks(self.topic(topic)), self.clock, complete).run)

    def passes_on(self, read: Topic) -> None:
        """Tell the services after us how far our own topic has the effects of `read`, which is consumed."""
        read = self.topic(read)
        group = next(subscription.group for subscription, _ in self._pipelines if subscription.topic == read)
        self._settling.mark(self._marks(self._publishes), read=read, group=group)

    def recalls(self, store: Callable[[Connection], OwingStore], *, restore: Restore | None = None) -> None:
        """Our own topic is looked after: see `shared.pipeline.recall`."""
        self._recall = Recall(
            self.connection, self.database, self._publishes, ends=self._offsets, store=store, restore=restore
        )
        self.publisher.watch(self._publishes.name, self._recall.went_back)
        self.run("recall", self._recall.run)

    def route(self, router: APIRouter) -> None:
        """Serve these routes."""
        self._routers.append(router)

    def run(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a loop for as long as the service runs; when it raises it is started again, with back-off."""
        self._loops.append((name, loop))

    def at_stop(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have this done when everything else has stopped. It bounds its own time."""
        self._stack.push_async_callback(close)

    def described_topics(self) -> tuple[Topic, ...]:
        """All topics this service reads or writes, each once."""
        read = [subscription.topic for subscription, _ in self._pipelines]
        written = [self.topic(topic) for topic in TOPICS if topic.written_by(self.name)]
        return tuple({topic.name: topic for topic in [*read, *written, self._publishes, self._access]}.values())

    # --- life

    async def start(self) -> None:
        """Returns when everything runs. Raises ConfigurationError when only the operator can help."""
        self.health.add("postgresql", self._check_database)
        routers = [
            *self._routers,
            operator_routes(self.name, self.health, self.registry, self.described_topics()),
        ]
        app = create_app(self.name, self._description, self.directory, routers, self.registry)
        self.server = HttpServer(app, host=self.settings.http_host, port=self.settings.http_port)
        await self.server.start()
        await self._wait_for("PostgreSQL", self._open_database)
        self._stack.push_async_callback(self.publisher.stop)
        self._stack.push_async_callback(self._offsets.close)
        await self._wait_for("Kafka", self._ensure_topics)
        if self._recall is not None:
            await self._wait_for("what was published before", self._recall.read_back)
        tasks = [asyncio.create_task(supervise(name, loop), name=name) for name, loop in self._loops]
        self._stack.push_async_callback(cancel, tasks)
        await self._wait_for("Kafka", self._start_consuming)
        self._stack.push_async_callback(self._stop_consuming)
        self.health.waiting_for = None
        log.info("started", port=self.server.port)

    async def stop(self) -> None:
        """Answer and finish what is in hand, then close in reverse order of start."""
        self.health.waiting_for = "stop"
        if self.server is not None:
            await self.server.stop()
        await self._stack.aclose()

    async def failed(self) -> None:
        """Raises when only a new process can go on without losing anything."""
        raise await self._failures.get()

    async def _open_database(self) -> None:
        try:
            await self.database.__aenter__()
            applied = await migrate(self.database, self._migrations)
        except BaseException:
            await self.database.__aexit__(None, None, None)
            raise
        self._stack.push_async_exit(self.database)
        if applied:
            log.info("migrated", applied=applied)

    async def _ensure_topics(self) -> None:
        topics = [self.topic(topic) for topic in TOPICS]
        await ensure_topics(self.connection, topics, replication_factor=self.settings.kafka_replication_factor)

    async def _start_consuming(self) -> None:
        if self._pipelines:
            await self._broker.start()

    async def _stop_consuming(self) -> None:
        for subscriber in self._broker.subscribers:
            subscriber.running = False  # no new batch; offsets of what is in hand can still be committed
        await asyncio.gather(*(pipeline.drain(DRAIN_SECONDS) for _, pipeline in self._pipelines))
        await self._broker.stop()
        for _, pipeline in self._pipelines:
            pipeline.close()

    async def _wait_for(self, what: str, attempt: Callable[[], Awaitable[None]]) -> None:
        delay = 0.1
        while True:
            self.health.waiting_for = what
            try:
                return await attempt()
            except Exception as error:
                if not (is_transient(error) or type(error).__module__.startswith(("aiokafka", "asyncpg"))):
                    raise
                log.warning("start_waits", waiting_for=what, error=repr(error), retry_seconds=delay)
            await pause(delay)
            delay = min(delay * 2, 3)

    def _marks(self, topic: Topic) -> Marks:
        return Marks(topic, settled=self._settled, offsets=self._offsets, sender=self.publisher)

    async def _sample(self) -> None:
        await sample(self._pipelines, settling=self._settling, database=self.database, metrics=self.metrics)

    async def _check_database(self) -> Reason | None:
        try:
            await self.database.ping()
        except Exception as error:
            return Reason(type(error).__name__)
        return None
