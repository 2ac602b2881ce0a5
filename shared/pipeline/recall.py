"""Looks after the topic that this service writes: what it has that the database lacks, and the other way round.

What people did to an alert, and what was sent to whom, follows from nothing else: a database restored from an older
backup, or made anew, gets it back from the topic before anything is decided, woken or sent. And a topic that lost
records (recreated, cut, its disk replaced) gets everything again, or whoever reads it from the start would miss what
has not changed since.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from shared.clock import happens, pause
from shared.kafka.client import ConsumerRecord
from shared.kafka.connection import KafkaConnection
from shared.kafka.lookup import find_records
from shared.kafka.reader import read_on
from shared.kafka.topics import Topic
from shared.pipeline.records import PartitionProgress, fingerprint
from shared.pipeline.store import PipelineStore
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

KEEP_SECONDS = 10.0
OWED_AT_ONCE = 10_000
_FIRST = "00000000-0000-0000-0000-000000000000"

# Takes over those that are newer than what is stored, or not stored; returns how many. Payloads as published.
Restore = Callable[[Connection, Sequence[bytes]], Awaitable[int]]


class OwingStore(Protocol):
    """What of a service's store is needed here."""

    async def append_owed(self, after: str, limit: int) -> str | None: ...


class Ends(Protocol):
    """What of `shared.kafka.offsets` is needed here."""

    async def ends(self, topic: Topic) -> tuple[int, ...]: ...


class Recall:
    """`progress` of the own topic says what it had: everything below is, or was, in this database."""

    def __init__(
        self,
        connection: KafkaConnection,
        database: Database,
        topic: Topic,
        *,
        ends: Ends,
        store: Callable[[Connection], OwingStore],
        restore: Restore | None = None,
    ) -> None:
        """Without `restore` nothing is read back: all of it follows from what is read elsewhere."""
        self._connection = connection
        self._database = database
        self._topic = topic
        self._ends = ends
        self._store = store
        self._restore = restore
        self._decoder = msgspec.json.Decoder(topic.payload)
        self._went_back = asyncio.Event()

    async def read_back(self) -> None:
        """Returns when the database holds everything that is on the topic now. May be repeated.

        Raises TransientError while Kafka or the database is away.
        """
        starts = await self.look()
        if self._restore is None:
            return await self._note_ends()
        read = restored = 0
        async for records, _ in read_on(self._connection, self._topic, starts):
            newest = {record.key: record.value for record in records if record.value and self._is_ours(record.value)}
            last = {record.partition: record for record in records}
            async with self._database.transaction() as connection:
                restored += await self._restore(connection, list(newest.values()))
                await self._note(connection, last.values())
            read += len(records)
        if restored:
            log.warning("restored_from_own_topic", topic=self._topic.name, read=read, restored=restored)
        return None

    def went_back(self) -> None:
        """The topic gave an offset away that it had given before: it lacks what it had since it was looked at last."""
        self._went_back.set()

    async def run(self) -> None:
        """For ever: looks whether the topic has lost records, and notes how far it is known to be stored."""
        while True:
            await happens(self._went_back, within=KEEP_SECONDS)
            try:
                await self.look()
                await self._note_ends()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("recall_waits", error=repr(error))
                await pause(1)

    async def look(self) -> Mapping[int, int]:
        """How far each partition is known. One that has not what it had counts as unknown, and all is owed again."""
        async with self._database.connection() as connection:
            known = await PipelineStore(connection).get_progress(self._topic.name, range(self._topic.partitions))
        offsets = {number: entry.next_offset - 1 for number, entry in known.items()}
        lost = {
            number
            for number, (record, _) in (await find_records(self._connection, self._topic.name, offsets)).items()
            if record is None or fingerprint(record) != known[number].anchor
        }
        if lost or self._went_back.is_set():
            log.error("own_topic_lost_records", topic=self._topic.name, partitions=sorted(lost), act="publishing all")
            self._went_back.clear()
            try:
                await self._owe_everything()
            except Exception:
                self._went_back.set()
                raise
            async with self._database.transaction() as connection:
                unknown = [PartitionProgress(number, 0, 0) for number in sorted(lost)]
                await PipelineStore(connection).upsert_progress(self._topic.name, unknown)
        return {number: 0 if number in lost else entry.next_offset for number, entry in known.items()}

    async def _owe_everything(self) -> None:
        after: str | None = _FIRST
        while after is not None:
            async with self._database.transaction() as connection:
                after = await self._store(connection).append_owed(after, OWED_AT_ONCE)

    async def _note_ends(self) -> None:
        """What is on the topic by now was stored, by us or by who shares our database, before it was sent."""
        ends = enumerate(await self._ends.ends(self._topic))
        offsets = {number: end - 1 for number, end in ends if end}
        last = [found.record for found in (await find_records(self._connection, self._topic.name, offsets)).values()]
        async with self._database.transaction() as connection:
            await self._note(connection, filter(None, last))

    async def _note(self, connection: Connection, last: Iterable["ConsumerRecord[bytes, bytes]"]) -> None:
        """Everything up to these records."""
        progress = [PartitionProgress(one.partition, one.offset + 1, fingerprint(one)) for one in last]
        progress.sort(key=lambda entry: entry.partition)
        await PipelineStore(connection).upsert_progress(self._topic.name, progress)

    def _is_ours(self, payload: bytes) -> bool:
        try:
            self._decoder.decode(payload)
        except msgspec.MsgspecError as error:
            log.error("own_record_unreadable", topic=self._topic.name, error=type(error).__name__)
            return False
        return True
