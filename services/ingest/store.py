"""Principals in PostgreSQL: one row each, with the snapshot that `access.v1` carries."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from shared.contracts import Principal, Snapshot
from shared.pipeline import append_to_publish
from shared.postgres import Store, load_queries

SQL = Path(__file__).parent / "sql"

_QUERIES = load_queries(SQL / "queries.sql")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Snapshot[Principal])


class IngestStore(Store):
    """One unit of work on the principals. What it changes is owed to the topic in the same transaction."""

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
