"""Which partitions are ours, where reading them starts, and whether the log is still the one we stored from."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from shared.kafka.client import Consumer, ConsumerRecord, KafkaError, TopicPartition
from shared.kafka.topics import Topic
from shared.pipeline.reach import Reach
from shared.pipeline.records import PartitionProgress, fingerprint
from shared.pipeline.store import PipelineStore
from shared.postgres import Database

log = structlog.get_logger(__name__)

# Seeking back this often to an offset that does not come means that it is gone.
HOLES_BEFORE_HALT = 3
# Reads after a change of leader that may still hold what the leader before it had answered.
WARY_READS = 3

Records = Sequence["ConsumerRecord[bytes, bytes]"]
# Offset and fingerprint of a record.
Witness = tuple[int, int]


@dataclass(slots=True)
class OwnedPartition:
    """`expected`: the offset to be read next. `stored`: below it everything was stored before, `anchor` is its last.

    `begin` is the first offset the log had when reading began. Below `done` everything was published as well, so that
    what is read of it, to see whether this is still the same log, need not be handled. `last` is the record read last.
    `doubts` are those of which it is to be seen whether the log still has them; the next `wary` reads add to them.
    """

    begin: int
    expected: int
    stored: int
    anchor: int | None
    done: int = 0
    holes: int = 0
    last: Witness | None = None
    doubts: list[Witness] = field(default_factory=list)
    wary: int = 0


class Assignment:
    """The partitions of one topic that this process owns, from one rebalance to the next."""

    def __init__(self, topic: Topic, database: Database) -> None:
        self.epoch = 0
        self.halted: dict[int, str] = {}
        self.doubted = asyncio.Event()
        self.reach = Reach(topic.partitions)
        self._topic = topic
        self._database = database
        self._owned: dict[int, OwnedPartition] = {}
        self._resolved = asyncio.Event()
        self._consumer: Consumer | None = None

    @property
    def partitions(self) -> Sequence[int]:
        return sorted(self._owned)

    def revoke(self) -> None:
        """Nothing is ours any more; what was decoded under the old epoch must not be begun."""
        self.epoch += 1
        self._owned = {}
        self.doubted.clear()
        self.reach.end()
        self._resolved.clear()

    async def wait_resolved(self) -> bool:
        """Returns when it is known where reading starts. True: it was known before, and reading has started there."""
        known = self._resolved.is_set()
        await self._resolved.wait()
        return known

    async def resolve(self, consumer: Consumer, partitions: Sequence[int]) -> None:
        """Start each partition at the lower of published (Kafka's offset) and stored (progress).

        The record before `stored` is read again, since its fingerprint tells whether this is still the same log.
        """
        epoch, self._consumer = self.epoch, consumer
        topic_partitions = [TopicPartition(self._topic.name, number) for number in partitions]
        begins = await consumer.beginning_offsets(topic_partitions)
        ends = await consumer.end_offsets(topic_partitions)
        committed = {one: await consumer.committed(one) for one in topic_partitions}
        async with self._database.connection() as connection:
            progress = await PipelineStore(connection).get_progress(self._topic.name, partitions)
        if epoch != self.epoch:
            return
        for one in topic_partitions:
            owned = self._start(one.partition, progress.get(one.partition), begins[one], ends[one], committed[one])
            self._owned[one.partition] = owned
            self._seek(consumer, one.partition, owned.expected)
        self.reach.begin(
            {number: owned.stored for number, owned in self._owned.items()},
            {one.partition: min(committed[one] or 0, self._owned[one.partition].stored) for one in topic_partitions},
        )
        self._resolved.set()

    def _start(
        self, partition: int, stored: PartitionProgress | None, begin: int, end: int, committed: int | None
    ) -> OwnedPartition:
        if stored is None:
            return OwnedPartition(begin, expected=begin, stored=0, anchor=None)
        if end < max(stored.next_offset, committed or 0):
            self._alarm("log_ends_before_progress", partition, stored.next_offset, end)
            return OwnedPartition(begin, expected=begin, stored=0, anchor=None)
        if stored.next_offset < begin and self._topic.foreign:
            # A transaction's end mark may be all that was removed; records that were are gone whatever we do.
            log.warning("retention_passed", topic=self._topic.name, partition=partition, begin=begin)
        elif stored.next_offset < begin and self._topic.cleanup == "delete":
            self._halt(partition, f"retention removed offsets {stored.next_offset} to {begin} before they were read")
        # Without an offset of the group nobody knows what was published, so all of it is published again.
        published = begin if committed is None else committed
        start = max(min(published, stored.next_offset - 1), begin)
        done = min(published, stored.next_offset)
        return OwnedPartition(begin, expected=start, stored=stored.next_offset, anchor=stored.anchor, done=done)

    def admit(self, consumer: Consumer, records: Records) -> Iterator[tuple[bool, Records]]:
        """The runs of records that may be handled now, one partition each: (stored before, records).

        Whatever is not admitted is read again: its partition was put back to the offset that is due.
        """
        for partition, run in _by_partition(records):
            owned = self._owned.get(partition)
            if owned is None or partition in self.halted or not self._continues(consumer, partition, owned, run):
                continue
            if not self._same_log(consumer, partition, owned, run):
                continue
            owned.expected = run[-1].offset + 1
            owned.last = run[-1].offset, fingerprint(run[-1])
            if owned.wary:
                owned.wary -= 1
                self._doubt(owned)
            run = [record for record in run if record.offset >= owned.done] if run[0].offset < owned.done else run
            split = next((index for index, record in enumerate(run) if record.offset >= owned.stored), len(run))
            if split:
                yield True, run[:split]
            if split < len(run):
                yield False, run[split:]

    async def lag(self, consumer: Consumer) -> dict[int, int]:
        """Records between the end of each partition, as the last read told it, and what is read of it."""
        ones = [TopicPartition(self._topic.name, number) for number in self.partitions]
        return {one.partition: max((consumer.highwater(one) or 0) - await consumer.position(one), 0) for one in ones}

    async def unread(self, consumer: Consumer) -> dict[int, int]:
        """Partitions that are not halted and of which the broker has more than was read, with the offset that is next.

        The broker is asked, for a reader that is stuck knows of no end.
        """
        ones = [TopicPartition(self._topic.name, number) for number in self.partitions if number not in self.halted]
        ends = await consumer.end_offsets(ones) if ones else {}
        positions = {one: await consumer.position(one) for one in ends}
        return {one.partition: positions[one] for one, end in ends.items() if positions[one] < end}

    def doubt(self, partitions: Iterable[int]) -> None:
        """Another broker leads these now, and may lack what was read of them."""
        for number in partitions:
            if owned := self._owned.get(number):
                owned.wary = WARY_READS
                self._doubt(owned)

    def doubts(self) -> dict[int, Witness]:
        """Of each partition the oldest record of which it is to be seen whether the log still has it."""
        return {number: owned.doubts[0] for number, owned in self._owned.items() if owned.doubts}

    def believe(self, partition: int, witness: Witness) -> None:
        """It has been seen."""
        owned = self._owned.get(partition)
        if owned is not None and witness in owned.doubts:
            owned.doubts.remove(witness)
        if not any(one.doubts for one in self._owned.values()):
            self.doubted.clear()

    def begin_again(self, partition: int, begin: int, *, epoch: int) -> None:
        """The log does not have what was read of it: read it from `begin`, its first record.

        Not if it was reassigned since `epoch`, or is read anew already.
        """
        owned = self._owned.get(partition) if epoch == self.epoch else None
        if owned is not None and owned.doubts and self._consumer is not None:
            self._alarm("log_was_replaced", partition, owned.expected, begin)
            owned.begin = begin
            self._begin_again(self._consumer, partition, owned)

    def _continues(self, consumer: Consumer, partition: int, owned: OwnedPartition, run: Records) -> bool:
        first = run[0].offset
        if first <= owned.expected:
            if first < owned.expected:
                self._alarm("log_went_back", partition, owned.expected, first)
                # What comes may be anything: as little of it as possible is taken for known.
                self._forget(partition, owned)
            owned.holes = 0
            return True
        owned.holes += 1
        if (self._topic.cleanup == "compact" or self._topic.foreign) and owned.holes > 1:
            return True  # compaction and transactions leave holes; the first may also be a read from before the seek
        if owned.holes > HOLES_BEFORE_HALT:
            self._halt(partition, f"offsets {owned.expected} to {first} are missing from the log")
        self._seek(consumer, partition, owned.expected)
        return False

    def _same_log(self, consumer: Consumer, partition: int, owned: OwnedPartition, run: Records) -> bool:
        if owned.anchor is None or run[-1].offset < owned.stored - 1:
            return True
        anchor, owned.anchor = owned.anchor, None
        last = next((record for record in run if record.offset == owned.stored - 1), None)
        if last is None or fingerprint(last) == anchor:
            return True
        self._alarm("log_was_replaced", partition, owned.stored, last.offset)
        self._begin_again(consumer, partition, owned)
        return False

    def _begin_again(self, consumer: Consumer, partition: int, owned: OwnedPartition) -> None:
        self._forget(partition, owned)
        owned.expected, owned.holes = owned.begin, 0
        self._seek(consumer, partition, owned.begin)

    def _forget(self, partition: int, owned: OwnedPartition) -> None:
        """The log is not the one that was read: nothing that is read from now on is known."""
        owned.stored, owned.anchor, owned.done = 0, None, 0
        owned.last, owned.doubts = None, []
        self.reach.restart(partition)

    def _doubt(self, owned: OwnedPartition) -> None:
        if owned.last is not None and owned.last not in owned.doubts:
            owned.doubts.append(owned.last)
            self.doubted.set()

    def _seek(self, consumer: Consumer, partition: int, offset: int) -> None:
        try:
            consumer.seek(TopicPartition(self._topic.name, partition), offset)
        except KafkaError:
            # No longer ours, which the next assignment sorts out.
            log.info("seek_after_revocation", topic=self._topic.name, partition=partition)

    def _alarm(self, event: str, partition: int, stored: int, found: int) -> None:
        log.error(event, topic=self._topic.name, partition=partition, stored=stored, found=found, act="reading again")

    def _halt(self, partition: int, reason: str) -> None:
        self.halted[partition] = reason
        log.critical("partition_halted", topic=self._topic.name, partition=partition, reason=reason)


def _by_partition(records: Records) -> Iterator[tuple[int, Records]]:
    """FastStream hands over the records of several partitions one partition after the other."""
    start = 0
    for index in range(1, len(records) + 1):
        if index == len(records) or records[index].partition != records[start].partition:
            yield records[start].partition, records[start:index]
            start = index
