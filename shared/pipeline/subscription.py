"""What a service consumes, and what holds for everything it consumes."""

from dataclasses import dataclass
from typing import Any

from shared.kafka.topics import Topic
from shared.pipeline.decoding import RecordDecoder
from shared.pipeline.publishing import OutcomePublisher
from shared.pipeline.records import Handler


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds for every subscription of a process.

    `watchdog_seconds`: for how long one that has work may not get on. `breaker`: whether one stops when most of its
    records would have to be set aside.
    """

    max_records: int = 10_000
    watchdog_seconds: float = 120.0
    breaker: bool = True
