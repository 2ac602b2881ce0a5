"""The values that move through a pipeline. Those made once a record are named tuples, the cheapest there are."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import DeadReason
from shared.kafka.client import ConsumerRecord
from shared.postgres import Connection

T = TypeVar("T")


class Received(NamedTuple, Generic[T]):
    """One decoded record: the contract's value, and the bytes it came as."""

    value: T
    raw: bytes


class RawRecord(NamedTuple):
    """A record as it lies in a topic that others write, for handlers that decode it themselves."""

    topic: str
    partition: int
    offset: int
    fingerprint: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Publication(NamedTuple):
    """The state of one entity as it goes onto the topic. `payload` None is a tombstone.

    What has no versions (an interaction is never changed) is published under version 0.
    """

    entity_id: str
    version: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What handling a batch did. `applied + duplicate + stale + refused` is the number of records handled.

    `refused` counts records that the handler itself set aside.
    """

    publications: Sequence[Publication]
    applied: int
    duplicate: int = 0
    stale: int = 0
    refused: int = 0


# Runs inside the batch's transaction; never commits; may be run again with the same records.
Handler = Callable[[Connection, Sequence[Received[Any]]], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record set aside, complete enough to be replayed."""

    partition: int
    offset: int
    fingerprint: int
    key: bytes | None
    value: bytes | None
    headers: bytes
    recorded_at: datetime
    reason: DeadReason
    detail: str


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """Stored up to `next_offset`; `anchor` is the fingerprint of the record before it."""

    partition: int
    next_offset: int
    anchor: int


@dataclass(slots=True, eq=False)
class Span:
    """What of the log a batch covers: `size` records, the oldest of `oldest_at` in wall-clock seconds.

    `epoch` is the assignment they were read under; `rerun` says that they were stored before.
    """

    epoch: int
    rerun: bool
    progress: Sequence[PartitionProgress]
    size: int
    oldest_at: float

    def grow(self, later: "Span") -> None:
        """Cover what was read after it as well, under the same assignment."""
        reached = {entry.partition: entry for entry in (*self.progress, *later.progress)}
        self.progress = [*reached.values()]
        self.size += later.size
        self.oldest_at = min(self.oldest_at, later.oldest_at)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one or more partitions, in offset order within each; decoded, what of them could be.

    `received` are the `records` without those of the dead letters, in the same order. Tombstones are covered by `span`
    and not among the records.
    """

    span: Span
    records: list["ConsumerRecord[bytes, bytes]"]
    received: list[Received[Any]]
    dead: list[DeadLetter]

    def __len__(self) -> int:
        return len(self.records)

    def grow(self, later: "Batch") -> None:
        """Take in what was read after it. Only before anybody works on it."""
        self.span.grow(later.span)
        self.records.extend(later.records)
        self.received.extend(later.received)
        self.dead.extend(later.dead)

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(entry.partition for entry in self.span.progress)


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch whose effects are stored, `dead` of its records as dead letters. What it was made of is let go."""

    span: Span
    outcome: Outcome
    dead: int


def fingerprint(record: "ConsumerRecord[bytes, bytes]") -> int:
    """Tells one log from another that has a record at the same offset."""
    return zlib.crc32(record.value or b"") ^ (int(record.timestamp) & 0x7FFFFFFF)
