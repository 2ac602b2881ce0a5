"""The stages of one subscription: admit and decode, store, publish, commit. Each works on its own batch.

While batch N is published, N+1 is stored and N+2 decoded; two batches are stored at once if they share no partition. A
stage that cannot go on waits and tries again, so the order within a partition is kept and nothing is skipped; offsets
are committed when the effects of everything below them are on the topic.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from shared.clock import pause
from shared.errors import StaleReadError
from shared.kafka.client import Broker, Consumer, KafkaError, RebalanceListener, Subscriber, TopicPartition
from shared.kafka.subscription import subscribe
from shared.kafka.topics import Topic
from shared.pipeline.assignment import Assignment, Records
from shared.pipeline.decoding import Decoder, RecordDecoder
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.offsets import OffsetCommitter
from shared.pipeline.publishing import OutcomePublisher
from shared.pipeline.records import Batch, Handler, Outcome, PartitionProgress, fingerprint
from shared.pipeline.store import PipelineStore
from shared.pipeline.turns import WRITERS, Turns, in_parts
from shared.postgres import Database, is_transient

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 5.0
# Well below the rebalance time-out: the batch in hand is finished before its partitions go.
REVOKE_WAIT_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a service consumes: a topic, the group it shares the partitions with, and who handles a batch.

    `contract` is the type to decode to: the topic's payload unless the service reads only a part of it.
    `gather_ms` is how long records may wait for others to share a batch with, where many writers write a few at a time;
    snapshots come in batches by themselves.
    `decoder` and `publisher` are given where records are not contracts and outcomes not snapshots of this service.
    """

    topic: Topic
    group: str
    handler: Handler
    contract: Any = None
    gather_ms: int = 0
    decoder: RecordDecoder | None = None
    publisher: OutcomePublisher | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    batch: Batch
    outcome: Outcome


class Pipeline(RebalanceListener):  # type: ignore[misc]  # the client library is untyped
    """One subscription at work."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        database: Database,
        snapshots: OutcomePublisher,
        metrics: PipelineMetrics,
        max_records: int,
    ) -> None:
        self._subscription = subscription
        self._topic = subscription.topic
        self._database = database
        self._publisher = subscription.publisher or snapshots
        self._metrics = metrics
        self._max_records = max_records
        self._decoder = subscription.decoder or Decoder(subscription.contract or subscription.topic.payload)
        self._assignment = Assignment(subscription.topic, database)
        self._to_store = Turns()
        self._to_publish: asyncio.Queue[_Stored] = asyncio.Queue(1)
        self._offsets = OffsetCommitter(subscription.topic, self._consumer)
        self._in_hand: dict[int, Batch] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._subscriber: Subscriber | None = None
        self._resolving: asyncio.Task[None] | None = None
        self._broken: asyncio.Queue[Exception] = asyncio.Queue()
        self._leaving: int | None = None
        self.waiting_for: str | None = "the assignment of partitions"

    def attach(self, broker: Broker) -> None:
        """Subscribe; reading begins when the broker is started."""
        self._subscriber = subscribe(
            broker,
            self._topic,
            group=self._subscription.group,
            on_records=self._admit,
            listener=self,
            max_records=self._max_records,
            gather_ms=self._subscription.gather_ms,
        )

    async def run(self) -> None:
        """Store and publish for ever.

        Raises only on a defect. The process must then end: a batch that was lost in here would be committed past.
        """
        async with asyncio.TaskGroup() as stages:
            for _ in range(WRITERS):
                stages.create_task(self._store_batches())
            stages.create_task(self._publish_batches())
            stages.create_task(self._offsets.run())
            stages.create_task(self._raise_when_broken())

    async def drain(self, timeout: float) -> None:
        """Wait until what was read is published and committed, at most `timeout` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            log.warning("not_drained", topic=self._topic.name, batches=len(self._in_hand))
        await self._offsets.commit()

    def close(self) -> None:
        """Stop looking for where to start; call it when the consumer is gone."""
        if self._resolving is not None:
            self._resolving.cancel()

    def not_ready(self) -> str | None:
        """Why this subscription is not working, or None."""
        for partition, reason in self._assignment.halted.items():
            return f"{self._topic.name}/{partition} is halted: {reason}"
        return self.waiting_for

    def records_in_hand(self) -> int:
        return sum(map(len, self._in_hand.values()))

    def oldest_in_hand(self) -> float | None:
        """Wall-clock seconds of the oldest record read and not yet published."""
        return min((batch.oldest_at for batch in self._in_hand.values()), default=None)

    async def lag(self) -> dict[int, int]:
        """Records between the end of each partition and what is read of it."""
        consumer = self._consumer()
        behind = {}
        for partition in self._assignment.partitions if consumer else ():
            one = TopicPartition(self._topic.name, partition)
            behind[partition] = max((consumer.highwater(one) or 0) - await consumer.position(one), 0) if consumer else 0
        return behind

    # --- rebalances

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._leaving = self._assignment.epoch
        self._assignment.revoke()
        self.close()
        self.waiting_for = "the assignment of partitions"
        await self.drain(REVOKE_WAIT_SECONDS)
        self._leaving = None
        self._offsets.forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # In the background: it may have to wait for the database, and a rebalance must not wait for that.
        partitions = sorted(one.partition for one in assigned)
        self._resolving = asyncio.create_task(self._resolve(partitions))

    async def _resolve(self, partitions: list[int]) -> None:
        async def attempt() -> None:
            consumer = self._consumer()
            if consumer is None:
                raise ConnectionError("the consumer is not there yet")
            await self._assignment.resolve(consumer, partitions)

        await self._until_done("resolve", attempt)
        self.waiting_for = None
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
        if not await self._assignment.wait_resolved():
            return  # read before it was known where to start: seeking there brings them again
        consumer = self._consumer()
        if consumer is None:
            return
        epoch = self._assignment.epoch
        runs = list(self._assignment.admit(consumer, records))
        for rerun in (True, False):
            for chosen in in_parts([run for was_stored, run in runs if was_stored is rerun]):
                batch = await self._decode(chosen, epoch, rerun=rerun)
                self._metrics.read.labels(topic=self._topic.name).inc(len(chosen))
                self._take(batch)
                await self._to_store.put(batch)

    async def _decode(self, records: Records, epoch: int, *, rerun: bool) -> Batch:
        received, dead = await self._decoder.decode(records)
        last = {record.partition: record for record in records}
        return Batch(
            epoch=epoch,
            rerun=rerun,
            received=received,
            dead=dead,
            progress=[PartitionProgress(p, r.offset + 1, fingerprint(r)) for p, r in last.items()],
            oldest_at=min(record.timestamp for record in records) / 1000,
        )

    # --- stage 2: store

    async def _store_batches(self) -> None:
        while True:
            async with self._to_store.next() as batch:
                if batch.epoch != self._assignment.epoch:
                    self._metrics.dropped.labels(topic=self._topic.name).inc(len(batch))
                    self._let_go(batch)
                    continue
                outcome = await self._until_done("store", lambda batch=batch: self._store(batch))  # type: ignore[misc]
                await self._to_publish.put(_Stored(batch, outcome))

    async def _store(self, batch: Batch) -> Outcome:
        with self._metrics.seconds.labels(topic=self._topic.name, stage="store").time():
            async with self._database.transaction() as connection:
                outcome = Outcome([], 0)
                if batch.received:
                    outcome = await self._subscription.handler(connection, batch.received)
                store = PipelineStore(connection)
                await store.append_dead_letters(self._topic.name, batch.dead)
                await store.upsert_progress(self._topic.name, batch.progress)
            return outcome

    # --- stage 3: publish, check, commit

    async def _publish_batches(self) -> None:
        while True:
            stored = await self._to_publish.get()
            await self._until_done("publish", lambda stored=stored: self._publish(stored))  # type: ignore[misc]
            # Partitions that are about to leave are ours until `on_partitions_revoked` returns.
            if stored.batch.epoch in (self._assignment.epoch, self._leaving):
                self._offsets.add(stored.batch.progress)
            self._metrics.count(self._topic.name, stored.outcome, dead=len(stored.batch.dead))
            self._let_go(stored.batch)

    async def _publish(self, stored: _Stored) -> None:
        with self._metrics.seconds.labels(topic=self._topic.name, stage="publish").time():
            await self._publisher.publish(stored.outcome.publications, again=stored.batch.rerun)

    # --- what the stages share

    async def _until_done(self, stage: str, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Repeat until it works: at once after a stale read, else with back-off; the partition waits meanwhile.

        What is not transient is a defect: it is repeated as well, loudly and slowly, because skipping would lose it.
        """
        delay = FIRST_RETRY_SECONDS
        while True:
            try:
                result = await attempt()
            except StaleReadError as error:
                log.info("read_again", topic=self._topic.name, stage=stage, reason=str(error))
                await pause(0)
                continue
            except Exception as error:
                if is_transient(error) or isinstance(error, KafkaError):
                    log.warning("waits", topic=self._topic.name, stage=stage, error=repr(error), retry_seconds=delay)
                else:
                    delay = LONGEST_RETRY_SECONDS
                    log.exception("stuck", topic=self._topic.name, stage=stage)
                self.waiting_for = f"{stage} of {self._topic.name}: {type(error).__name__}"
                await pause(delay)
                delay = min(delay * 2, LONGEST_RETRY_SECONDS)
                continue
            if delay > FIRST_RETRY_SECONDS:
                self.waiting_for = None
            return result

    def _consumer(self) -> Consumer | None:
        return self._subscriber.consumer if self._subscriber is not None else None

    def _take(self, batch: Batch) -> None:
        self._in_hand[id(batch)] = batch
        self._idle.clear()

    def _let_go(self, batch: Batch) -> None:
        self._in_hand.pop(id(batch), None)
        if not self._in_hand:
            self._idle.set()
