"""The stages of one subscription: admit and decode, store, publish, commit. Each works on its own batch.

While batch N is published, N+1 is stored and N+2 decoded; two batches are stored at once if they share no partition.
What is read while a batch waits to be stored goes with it. A stage that cannot go on waits and tries again, so the
order within a partition is kept and nothing is skipped; offsets are committed when the effects of everything below
them are on the topic.
"""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial

import structlog

from shared.kafka.client import (
    Broker,
    Consumer,
    ConsumerRecord,
    KafkaError,
    RebalanceListener,
    Subscriber,
    TopicPartition,
)
from shared.kafka.subscription import subscribe
from shared.pipeline.assignment import Assignment, Records
from shared.pipeline.breaker import Breaker
from shared.pipeline.decoding import Decoder
from shared.pipeline.inhand import InHand
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.offsets import OffsetCommitter
from shared.pipeline.patience import Patience, Work
from shared.pipeline.publishing import OutcomePublisher
from shared.pipeline.records import Batch, PartitionProgress, Span, Stored, fingerprint
from shared.pipeline.storing import Storing
from shared.pipeline.subscription import Limits, Subscription
from shared.pipeline.turns import WRITERS, Turns, in_parts
from shared.pipeline.watchdog import Watchdog
from shared.postgres import Database

log = structlog.get_logger(__name__)

# Well below the rebalance time-out: the batch in hand is finished before its partitions go.
REVOKE_WAIT_SECONDS = 15.0
# A broker that is there answers sooner.
ASK_SECONDS = 10.0


class Pipeline(RebalanceListener):  # type: ignore[misc]  # the client library is untyped
    """One subscription at work."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        database: Database,
        snapshots: OutcomePublisher,
        metrics: PipelineMetrics,
        limits: Limits,
    ) -> None:
        self._subscription = subscription
        self._topic = subscription.topic
        self._database = database
        self._publisher = subscription.publisher or snapshots
        self._metrics = metrics
        self._limits = limits
        self._decoder = subscription.decoder or Decoder(subscription.contract or subscription.topic.payload)
        self.assignment = Assignment(subscription.topic, database)
        self._patience = Patience(subscription.topic.name)
        breaker = Breaker(foreign=subscription.topic.foreign, enabled=limits.breaker)
        self._storing = Storing(
            subscription.topic, subscription.handler, database=database, breaker=breaker, metrics=metrics
        )
        self._to_store = Turns(limits.max_records)
        self._to_publish: asyncio.Queue[Stored] = asyncio.Queue(1)
        self._offsets = OffsetCommitter(subscription.topic, self._consumer)
        self.in_hand = InHand()
        self._subscriber: Subscriber | None = None
        self._resolving: asyncio.Task[None] | None = None
        self._broken: asyncio.Queue[Exception] = asyncio.Queue()
        self._leaving: int | None = None
        self._ended = False
        self._assigned = False

    def attach(self, broker: Broker) -> None:
        """Subscribe; reading begins when the broker is started."""
        self._subscriber = subscribe(
            broker,
            self._topic,
            group=self._subscription.group,
            on_records=self._admit,
            on_new_leaders=self.assignment.doubt,
            listener=self,
            max_records=self._limits.max_records,
            gather_ms=self._subscription.gather_ms,
        )

    async def run(self) -> None:
        """Store and publish for ever.

        Raises only on a defect, and when the watchdog sees that nothing gets on. The process must then end: a batch
        that was lost in here would be committed past.
        """
        still, seconds = self._metrics.no_progress, self._limits.watchdog_seconds
        try:
            async with asyncio.TaskGroup() as stages:
                for _ in range(WRITERS):
                    stages.create_task(self._store_batches())
                stages.create_task(self._publish_batches())
                stages.create_task(self._offsets.run())
                stages.create_task(self._raise_when_broken())
                stages.create_task(Watchdog(self._topic.name, self, seconds=seconds, still=still).run())
        finally:
            self._ended = True

    async def drain(self, timeout: float) -> None:
        """Wait until what was read is published and committed, at most `timeout` seconds."""
        try:
            if not self._ended:
                async with asyncio.timeout(timeout):
                    await self.in_hand.wait_empty()
        except TimeoutError:
            log.warning("not_drained", topic=self._topic.name, batches=len(self.in_hand))
        await self._offsets.commit()

    def close(self) -> None:
        """Stop looking for where to start; call it when the consumer is gone."""
        if self._resolving is not None:
            self._resolving.cancel()

    # --- how it is

    @property
    def halted(self) -> str | None:
        """Which partition stands still until somebody acts, and why."""
        for partition, reason in self.assignment.halted.items():
            return f"{self._topic.name}/{partition} is halted: {reason}"
        return None

    @property
    def stopped(self) -> str | None:
        """Why the breaker holds it. It tries again by itself, and goes on once the cause is mended."""
        return next((str(work.waits_for) for work in self.at_work if work.stopped), None)

    def not_ready(self) -> str | None:
        """Why this subscription is not working, the gravest reason first, or None."""
        unassigned = None if self._assigned else "the assignment of partitions"
        waits_for = (work.waits_for for work in self.at_work if work.waits_for)
        return self.halted or self.stopped or next(waits_for, unassigned)

    async def lag(self) -> dict[int, int]:
        """Records between the end of each partition and what is read of it."""
        consumer = self._consumer()
        return await self.assignment.lag(consumer) if consumer else {}

    @property
    def at_work(self) -> Iterator[Work]:
        """What is being done, and what is to be done again."""
        return self._patience.at_work

    async def unread(self) -> Mapping[int, int]:
        """As the assignment says. Nothing while records are in hand: more are read when there is room."""
        consumer = self._consumer()
        if self.in_hand or consumer is None:
            return {}
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self.assignment.unread(consumer)
        except (KafkaError, OSError):
            return {}

    async def is_cut_off(self) -> bool:
        """Database or broker do not answer."""
        consumer = self._consumer()
        try:
            await self._database.ping()
            if consumer is not None:
                async with asyncio.timeout(ASK_SECONDS):
                    await consumer.end_offsets([TopicPartition(self._topic.name, 0)])
        except Exception as error:
            log.info("cut_off", topic=self._topic.name, error=type(error).__name__)
            return True
        return False

    # --- rebalances

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._leaving = self.assignment.epoch
        self.assignment.revoke()
        self.close()
        self._assigned = False
        await self.drain(REVOKE_WAIT_SECONDS)
        self._leaving = None
        self._offsets.forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # In the background: it may have to wait for the database, and a rebalance must not wait for that.
        partitions = sorted(one.partition for one in assigned)
        self._resolving = asyncio.create_task(self._resolve(partitions))

    async def _resolve(self, partitions: list[int]) -> None:
        async def attempt(_: Work) -> None:
            consumer = self._consumer()
            if consumer is None:
                raise ConnectionError("the consumer is not there yet")
            await self.assignment.resolve(consumer, partitions)

        await self._patience.until_done("resolve", attempt)
        self._assigned = True
        log.info("partitions_assigned", topic=self._topic.name, partitions=partitions)

    # --- stage 1: admit and decode

    async def _admit(self, records: Records) -> None:
        # The framework swallows what a handler raises and reads on, which would skip these records.
        try:
            await self._decode_admitted(records)
        except Exception as error:
            self._broken.put_nowait(error)

    async def _raise_when_broken(self) -> None:
        raise await self._broken.get()

    async def _decode_admitted(self, records: Records) -> None:
        if not await self.assignment.wait_resolved():
            return  # read before it was known where to start: seeking there brings them again
        consumer = self._consumer()
        if consumer is None:
            return
        epoch = self.assignment.epoch
        runs = list(self.assignment.admit(consumer, records))
        for rerun in (True, False):
            for chosen in in_parts([run for was_stored, run in runs if was_stored is rerun]):
                batch = await self._decode(chosen, epoch, rerun=rerun)
                self._metrics.read.labels(topic=self._topic.name).inc(len(batch))
                self.in_hand.take(batch.span)
                if not await self._to_store.put(batch):
                    self.in_hand.let_go(batch.span)  # the batch it is part of now has it in hand

    async def _decode(self, records: list[ConsumerRecord], epoch: int, *, rerun: bool) -> Batch:
        last = {record.partition: record for record in records}
        # What was known of an entity stays known when it leaves the topic; nobody here has anything to do.
        told = [one for one in records if one.value is not None] if self._topic.tombstones else records
        received, dead = await self._decoder.decode(told)
        span = Span(
            epoch=epoch,
            rerun=rerun,
            progress=[PartitionProgress(p, r.offset + 1, fingerprint(r)) for p, r in last.items()],
            size=len(records),
            oldest_at=min(record.timestamp for record in records) / 1000,
        )
        return Batch(span, told, received, dead)

    # --- stage 2: store

    async def _store_batches(self) -> None:
        while True:
            async with self._to_store.next() as batch:
                stored = await self._patience.until_done("store", partial(self._store, batch))
                if stored is None:
                    self._metrics.dropped.labels(topic=self._topic.name).inc(len(batch))
                    self.in_hand.let_go(batch.span)
                else:
                    self.assignment.reach.store(stored.span.progress)
                    await self._to_publish.put(stored)

    async def _store(self, batch: Batch, work: Work) -> Stored | None:
        """None: its partitions are no longer ours, whoever has them reads it again."""
        return await self._storing.store(batch, work) if batch.span.epoch == self.assignment.epoch else None

    # --- stage 3: publish, check, commit

    async def _publish_batches(self) -> None:
        while True:
            stored = await self._to_publish.get()
            await self._patience.until_done("publish", partial(self._publish, stored))
            # Partitions that are about to leave are ours until `on_partitions_revoked` returns.
            if stored.span.epoch in (self.assignment.epoch, self._leaving):
                self._offsets.add(stored.span.progress)
                self.assignment.reach.publish(stored.span.progress)
            self._metrics.count(self._topic.name, stored.outcome, dead=stored.dead)
            self.in_hand.let_go(stored.span)

    async def _publish(self, stored: Stored, _: Work) -> None:
        with self._metrics.seconds.labels(topic=self._topic.name, stage="publish").time():
            await self._publisher.publish(stored.outcome.publications, again=stored.span.rerun)

    def _consumer(self) -> Consumer | None:
        return self._subscriber.consumer if self._subscriber is not None else None
