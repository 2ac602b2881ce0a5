"""Principals in PostgreSQL, one row each with the snapshot that `access.v1` carries; the quarantine, the spool."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg
import msgspec

from services.ingest.domain.entities import Refuse
from services.ingest.domain.quarantine import Content, Quarantined, QuarantineFilter, Status
from shared.contracts import Principal, Snapshot
from shared.pipeline import RawRecord, append_to_publish
from shared.postgres import Store, load_queries

SQL = Path(__file__).parent / "sql"

_QUERIES = load_queries(SQL / "queries.sql")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Snapshot[Principal])
_HEADERS = msgspec.msgpack.Decoder(tuple[tuple[str, bytes | None], ...])

QUARANTINE = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a05")


class IngestStore(Store):
    """One unit of work. What it changes of principals is owed to the topic in the same transaction."""

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]:
        rows = await self.connection.fetch(_QUERIES.get_versions, list(entity_ids))
        return {str(row["principal_id"]): row["version"] for row in rows}

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]:
        rows = await self.connection.fetch(_QUERIES.get_snapshots, list(entity_ids))
        return [(str(row["principal_id"]), row["version"], row["snapshot"]) for row in rows]

    async def get_principal_by_name(self, name: str) -> Snapshot[Principal] | None:
        """The principal of this name, locked."""
        row = await self.connection.fetchrow(_QUERIES.get_principal_by_name, name)
        return _DECODER.decode(row["snapshot"]) if row else None

    async def get_principal_by_key(self, key_id: str) -> Snapshot[Principal] | None:
        """The principal this key belongs to, locked."""
        row = await self.connection.fetchrow(_QUERIES.get_principal_by_key, key_id)
        return _DECODER.decode(row["snapshot"]) if row else None

    async def list_principals(self) -> list[Principal]:
        """All of them, by name."""
        return [_DECODER.decode(row["snapshot"]).data for row in await self.connection.fetch(_QUERIES.list_principals)]

    async def append_principal(self, snapshot: Snapshot[Principal]) -> bool:
        """Store a new principal; False when its name is taken."""
        principal = snapshot.data
        added = await self.connection.fetchval(
            _QUERIES.append_principal,
            principal.principal_id,
            snapshot.version,
            _ENCODER.encode(snapshot),
            principal.name,
            [key.key_id for key in principal.keys],
        )
        if added is None:
            return False
        await append_to_publish(self.connection, {principal.principal_id: snapshot.version})
        return True

    async def update_principal(self, snapshot: Snapshot[Principal]) -> None:
        """Store a changed principal, whose row is locked."""
        principal = snapshot.data
        await self.connection.execute(
            _QUERIES.update_principal,
            principal.principal_id,
            snapshot.version,
            _ENCODER.encode(snapshot),
            [key.key_id for key in principal.keys],
        )
        await append_to_publish(self.connection, {principal.principal_id: snapshot.version})

    async def get_clock_micros(self) -> int:
        """Microseconds of the database's clock."""
        return int(await self.connection.fetchval(_QUERIES.get_clock_micros))

    # --- spool

    async def append_spool(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep interactions (reference, body) that are owed to the topic."""
        references, interactions = zip(*records, strict=True)
        await self.connection.execute(_QUERIES.append_spool, references, interactions)

    async def claim_spool(self, limit: int) -> list[tuple[str, bytes, bytes]]:
        """The oldest that nobody else is sending, locked: (id, reference, body)."""
        rows = await self.connection.fetch(_QUERIES.claim_spool, limit)
        return [(str(row["spool_id"]), row["reference"], row["interaction"]) for row in rows]

    async def delete_spool(self, spool_ids: Sequence[str]) -> None:
        """They are on the topic."""
        await self.connection.execute(_QUERIES.delete_spool, spool_ids)

    async def count_spool(self, limit: int) -> int:
        """How many are held, counted up to `limit`."""
        return int(await self.connection.fetchval(_QUERIES.count_spool, limit))

    async def is_spool_empty(self) -> bool:
        return bool(await self.connection.fetchval(_QUERIES.is_spool_empty))

    # --- quarantine

    async def append_quarantine(self, refused: Sequence[tuple[RawRecord, Refuse]]) -> list[str]:
        """Set records aside; returns the codes of those that were not there yet."""
        rows = await self.connection.fetch(
            _QUERIES.append_quarantine,
            [_quarantine_id(record) for record, _ in refused],
            [record.topic for record, _ in refused],
            [record.partition for record, _ in refused],
            [record.offset for record, _ in refused],
            [record.fingerprint for record, _ in refused],
            [record.key for record, _ in refused],
            [record.value for record, _ in refused],
            [msgspec.msgpack.encode(list(record.headers)) for record, _ in refused],
            [refuse.code.value for _, refuse in refused],
            [refuse.field for _, refuse in refused],
            [refuse.reason for _, refuse in refused],
        )
        return [row["code"] for row in rows]

    async def get_quarantined(self, quarantine_id: str) -> tuple[Quarantined, Content] | None:
        """One record, as it came."""
        return _with_content(await self.connection.fetchrow(_QUERIES.get_quarantined, quarantine_id))

    async def lock_quarantined(self, quarantine_id: str) -> tuple[Quarantined, Content] | None:
        """The same, locked."""
        return _with_content(await self.connection.fetchrow(_QUERIES.lock_quarantined, quarantine_id))

    async def list_quarantine(
        self, wanted: QuarantineFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Quarantined]:
        """Newest first, beginning after the (received_at, id) given."""
        rows = await self.connection.fetch(
            _QUERIES.list_quarantine, wanted.code, wanted.topic, wanted.status, *(after or (None, None)), limit
        )
        return [_quarantined(row) for row in rows]

    async def count_quarantine(self, wanted: QuarantineFilter) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_quarantine, wanted.code, wanted.topic, wanted.status))

    async def prune_quarantine(self, *, settled_for: timedelta, open_for: timedelta, limit: int) -> list[str]:
        """Forget up to `limit` records that were settled or left alone for so long; returns what their status was."""
        rows = await self.connection.fetch(_QUERIES.prune_quarantine, settled_for, open_for, limit)
        return [row["status"] for row in rows]

    async def settle_quarantined(self, quarantine_id: str, status: Status, by: str) -> Quarantined:
        """Say what became of a record, whose row is locked."""
        return _quarantined(
            await self.connection.fetchrow(_QUERIES.settle_quarantined, quarantine_id, status.value, by)
        )


def _quarantine_id(record: RawRecord) -> UUID:
    """The same for the same record, so that a re-run finds it."""
    return uuid5(QUARANTINE, f"{record.topic}/{record.partition}/{record.offset}/{record.fingerprint}")


def _with_content(row: asyncpg.Record | None) -> tuple[Quarantined, Content] | None:
    if row is None:
        return None
    return _quarantined(row), Content(row["key"], row["value"], _HEADERS.decode(row["headers"]))


def _quarantined(row: asyncpg.Record) -> Quarantined:
    return Quarantined(
        quarantine_id=str(row["quarantine_id"]),
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        code=row["code"],
        field=row["field"],
        reason=row["reason"],
        received_at=row["received_at"],
        status=row["status"],
        settled_at=row["settled_at"],
        settled_by=row["settled_by"],
    )
