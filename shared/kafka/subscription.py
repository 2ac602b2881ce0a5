"""The one way to subscribe: explicit group, earliest, manual acknowledgement, raw records."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import StreamMessage

from shared.kafka.header_names import tolerate_header_names
from shared.kafka.leaders import watch_leaders
from shared.kafka.topics import Topic

Records = tuple[ConsumerRecord[bytes, bytes], ...]
# Enough to make a batch worth its round trips.
_GOOD_BATCH_BYTES = 256 * 1024

OnRecords = Callable[[Records], Awaitable[None]]
OnNewLeaders = Callable[[set[int]], None]


def subscribe(
    broker: KafkaBroker,
    topic: Topic,
    *,
    group: str,
    on_records: OnRecords,
    on_new_leaders: OnNewLeaders,
    listener: ConsumerRebalanceListener,
    max_records: int,
    gather_ms: int = 0,
) -> BatchSubscriber:
    """Hand batches of raw records of `topic` to `on_records`, which must never raise.

    `gather_ms`: the broker answers a read when so much time has passed or a good batch has come together, and not at
    the first record. Of a topic that others write, what their transactions have not committed is not seen.
    `on_new_leaders` is told of partitions that have another leader, before anything of it is read.

    Nothing is committed here: offsets are committed by the pipeline, explicitly, when their effects are published.
    Neither headers nor values are touched before `on_records`, so no foreign record can stop or skip a batch.
    """
    prepared = _Prepared(listener, topic, on_new_leaders)
    subscriber = broker.subscriber(
        topic.name,
        group_id=group,
        batch=True,
        max_records=max_records,
        batch_timeout_ms=250,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if topic.foreign else "read_uncommitted",
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        parser=_parse_nothing,
        decoder=_hand_over_raw,
        listener=prepared,
        partition_assignment_strategy=(create_assignor(),),
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,
        rebalance_timeout_ms=30_000,
        max_poll_interval_ms=600_000,
        fetch_min_bytes=_GOOD_BATCH_BYTES if gather_ms else 1,
        fetch_max_wait_ms=gather_ms or 500,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        include_in_schema=False,
    )

    async def handle(records: Any) -> None:
        await on_records(records)

    subscriber(handle)
    assert isinstance(subscriber, BatchSubscriber)
    prepared.subscriber = subscriber
    return subscriber


def create_assignor() -> type[StickyPartitionAssignor]:
    """Members keep their partitions when others join or leave; each subscription needs an assignor of its own.

    aiokafka keeps what a member holds in the class: two groups of one process would take each other's for theirs.
    """

    class Assignor(StickyPartitionAssignor):  # type: ignore[misc]  # the client library is untyped
        pass

    return Assignor


class _Prepared(ConsumerRebalanceListener):  # type: ignore[misc]  # the client library is untyped
    """Before the first record is fetched, the consumer learns to read any of them: whoever may write to the brokers at
    all may write what our own services never would. And it learns to tell of new leaders."""

    def __init__(self, listener: ConsumerRebalanceListener, topic: Topic, on_new_leaders: OnNewLeaders) -> None:
        self._listener = listener
        self._topic = topic
        self._on_new_leaders = on_new_leaders
        self._consumer: AIOKafkaConsumer | None = None
        self.subscriber: BatchSubscriber | None = None

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._listener.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is not None and consumer is not self._consumer:
            tolerate_header_names(consumer)
            watch_leaders(consumer, self._topic, self._on_new_leaders)
            self._consumer = consumer
        await self._listener.on_partitions_assigned(assigned)


async def _parse_nothing(records: Records) -> StreamMessage[Records]:
    first = records[0]
    return KafkaMessage(
        raw_message=records,
        body=b"",
        headers={},
        content_type=None,
        message_id=f"{first.topic}-{first.partition}-{first.offset}",
        consumer=FAKE_CONSUMER,
    )


async def _hand_over_raw(message: StreamMessage[Records]) -> Records:
    return message.raw_message
