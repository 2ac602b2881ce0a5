"""Contract, topics, store and handler of the tally service."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from shared.contracts import Interaction, Snapshot
from shared.contracts.record import Record
from shared.ids import customer_id_of, next_version
from shared.kafka.topics import Topic
from shared.pipeline import Outcome, Publication, Received
from shared.postgres import Connection, Store, load_queries
from tests.support.builders import day

SQL = Path(__file__).parent / "sql"
QUERIES = load_queries(SQL / "queries.sql")


class Tally(Record, frozen=True, kw_only=True):
    """The ids of the interactions of one reference, in the order in which they were handled."""

    tally_id: str
    ids: tuple[str, ...] = ()


EVENTS = Topic(
    name="events.v1",
    writer="tests",
    key="reference",
    payload=Interaction,
    cleanup="delete",
    description="What happened.",
    partitions=2,
)
TALLIES = Topic(
    name="tallies.v1",
    writer="tally",
    key="tally_id",
    payload=Snapshot[Tally],
    cleanup="compact",
    description="What was counted.",
    partitions=2,
)


def snapshot_of(tally: Tally, version: int) -> Snapshot[Tally]:
    """The envelope a tally travels in."""
    return Snapshot(
        id=f"{tally.tally_id}:{version}",
        source="ebbtide/tally",
        type="ebbtide.tally",
        subject=tally.tally_id,
        time=day(0),
        version=version,
        data=tally,
    )


def publication_of(tally: Tally, version: int) -> Publication:
    return Publication(tally.tally_id, version, msgspec.json.encode(snapshot_of(tally, version)))


class TallyStore(Store):
    """One table of snapshots."""

    async def lock_tallies(self, ids: Sequence[str]) -> dict[str, tuple[int, Tally, int]]:
        """Id to version, tally and the database's clock; rows that are missing are made. Locked in key order."""
        await self.connection.execute(QUERIES.insert_tallies, sorted(ids))
        rows = await self.connection.fetch(QUERIES.lock_tallies, sorted(ids))
        return {str(row[0]): (row[1], tally_in(row[2], str(row[0])), row[3]) for row in rows}

    async def update_tallies(self, publications: Sequence[Publication]) -> None:
        columns = zip(*((one.entity_id, one.version, one.payload) for one in publications), strict=True)
        await self.connection.execute(QUERIES.update_tallies, *map(list, columns))

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]:
        return {str(row[0]): row[1] for row in await self.connection.fetch(QUERIES.get_versions, list(entity_ids))}

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]:
        rows = await self.connection.fetch(QUERIES.get_snapshots, list(entity_ids))
        return [(str(row[0]), row[1], row[2]) for row in rows]


def tally_in(snapshot: bytes, tally_id: str) -> Tally:
    return msgspec.json.decode(snapshot, type=Snapshot[Tally]).data if snapshot else Tally(tally_id=tally_id)


async def on_events(connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
    """Add the ids that are new; publish every tally the records belong to, changed or not."""
    by_tally: dict[str, list[str]] = {}
    for one in records:
        by_tally.setdefault(customer_id_of(one.value.subject), []).append(one.value.id)
    store = TallyStore(connection)
    locked = await store.lock_tallies(list(by_tally))
    publications, changed = [], []
    for tally_id, (version, tally, micros) in locked.items():
        ids = tuple(dict.fromkeys([*tally.ids, *by_tally[tally_id]]))
        if ids == tally.ids and version:
            publications.append(publication_of(tally, version))
            continue
        changed.append(publication_of(Tally(tally_id=tally_id, ids=ids), next_version(version, micros)))
    if changed:
        await store.update_tallies(changed)
    added = sum(len(tally_in(one.payload or b"", one.entity_id).ids) for one in changed) - sum(
        len(locked[one.entity_id][1].ids) for one in changed
    )
    return Outcome([*publications, *changed], applied=added, duplicate=len(records) - added)


Handle = Callable[[Connection, Sequence[Received[Interaction]]], Awaitable[Outcome]]
