"""Snapshots onto the topic, so that the last record of a key is what the store holds, whoever wrote it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from shared.clock import happens, pause
from shared.errors import TransientError
from shared.kafka.publisher import Publisher
from shared.kafka.topics import MOST_RECORD_BYTES, Topic
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.records import Publication
from shared.pipeline.store import PipelineStore
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

RELAY_LIMIT = 2_000
RELAY_PAUSE_SECONDS = 0.25
# A sender that died mid-flight has lost its connection long before.
AGAIN_SECONDS = 60.0
LAST_VERSION = 2**63 - 1
# What surrounds a payload in a record that travels alone is a tenth of this.
MOST_PAYLOAD_BYTES = MOST_RECORD_BYTES - 1024


class SnapshotStore(Protocol):
    """What a service's store offers about its one table of snapshots."""

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]: ...

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]: ...


class OutcomePublisher(Protocol):
    """Publishes what handling a batch came to."""

    async def publish(self, publications: Sequence[Publication], *, again: bool = False) -> None:
        """Returns when all are acknowledged. Raises TransientError; then all of it must be done again.

        `again`: they belong to records that were stored before.
        """
        ...


class SnapshotPublisher:
    """Publishes snapshots and checks afterwards that none was overtaken while under way.

    Two writers of one entity may send in the other order than they stored. Each reads the versions again once its
    records are acknowledged: at least the one whose record came last, and is old, sees the newer version and owes it.
    """

    def __init__(
        self,
        publisher: Publisher,
        database: Database,
        topic: Topic,
        store: Callable[[Connection], SnapshotStore],
        *,
        metrics: PipelineMetrics,
    ) -> None:
        self._publisher = publisher
        self._database = database
        self._topic = topic
        self._store = store
        self._metrics = metrics
        self._doubtful: set[str] = set()

    async def publish(self, publications: Sequence[Publication], *, again: bool = False) -> None:
        """Send, await the acknowledgements, check. Raises TransientError; then all of it must be done again.

        `again`: publish these once more a minute later, so that the late record of a dead sender cannot stay last.
        Entities whose records went missing on the way are published again then in any case. What is too large for any
        record is told to operators and left out: the broker would refuse it for ever, and hold up everybody.
        """
        publications = [one for one in publications if self._fits(one)]
        if not publications:
            return
        try:
            await self._publisher.send(
                self._topic.name, ((entry.entity_id.encode(), entry.payload) for entry in publications)
            )
        except TransientError:
            self._doubtful.update(entry.entity_id for entry in publications)
            raise
        published = {entry.entity_id: entry.version for entry in publications}
        async with self._database.connection() as connection:
            current = await self._store(connection).get_versions(list(published))
            moved_on = {entity: version for entity, version in current.items() if version > published[entity]}
            owed = PipelineStore(connection)
            await owed.append_to_publish(moved_on)
            later = {entity: version for entity, version in published.items() if again or entity in self._doubtful}
            await owed.append_to_publish(later, delay_seconds=AGAIN_SECONDS)
            self._doubtful.difference_update(later)

    async def publish_owed(self) -> int:
        """Pay what `to_publish` owes; returns how many entities were published."""
        async with self._database.connection() as connection:
            due, listed_at = await PipelineStore(connection).list_due_to_publish(RELAY_LIMIT)
            if listed_at is None:
                return 0
            snapshots = await self._store(connection).get_snapshots(due)
        publications = [Publication(entity, version, payload) for entity, version, payload in snapshots]
        await self.publish(publications)
        async with self._database.connection() as connection:
            # What is owed and no longer there (never the case in our stores) is struck off too, or it is owed for ever.
            paid = dict.fromkeys(due, LAST_VERSION) | {entry.entity_id: entry.version for entry in publications}
            await PipelineStore(connection).delete_published(paid, listed_at)
        return len(due)

    def _fits(self, publication: Publication) -> bool:
        if publication.payload is None or len(publication.payload) <= MOST_PAYLOAD_BYTES:
            return True
        size, topic = len(publication.payload), self._topic.name
        self._metrics.too_large.labels(topic=topic).inc()
        log.error("snapshot_too_large", topic=topic, entity_id=publication.entity_id, bytes=size)
        return False


class Relay:
    """Publishes what timers, the API and merges changed. One per process; two at once only repeat themselves."""

    def __init__(self, snapshots: SnapshotPublisher, metrics: PipelineMetrics) -> None:
        self._snapshots = snapshots
        self._metrics = metrics
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Something is owed as of now; what nobody tells of (another process died) is found soon as well."""
        self._told.set()

    async def run(self) -> None:
        """For ever. Failures that pass are waited out; anything else is raised to the supervisor."""
        delay = 0.0
        while True:
            self._told.clear()
            try:
                count = await self._snapshots.publish_owed()
            except Exception as error:
                if not is_transient(error):
                    raise
                delay = min(max(delay, RELAY_PAUSE_SECONDS) * 2, 5)
                log.warning("relay_waits", error=repr(error), retry_seconds=delay)
                await pause(delay)
                continue
            self._metrics.relayed.inc(count)
            delay = 0.0
            if not count:
                await happens(self._told, within=RELAY_PAUSE_SECONDS)
