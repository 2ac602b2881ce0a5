"""The one table of scoring: rows to values and back. Whoever opened the transaction commits it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg

from services.scoring.handlers import Kept, ScoreRow
from shared.errors import StaleReadError
from shared.postgres import Store, load_queries

SQL = Path(__file__).parent / "sql"
_QUERIES = load_queries(SQL / "queries.sql")


class ScoringStore(Store):
    """One unit of work over `scores`."""

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]:
        """The current versions of those that exist."""
        rows = await self.connection.fetch(_QUERIES.get_versions, entity_ids)
        return {row["customer_id"]: row["version"] for row in rows}

    async def append_owed(self, after: str, limit: int) -> str | None:
        """Owe the topic the next so many entities in key order; returns the last, None when there are no more."""
        last = await self.connection.fetchval(_QUERIES.append_owed, after, limit)
        return str(last) if last is not None else None

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]:
        """(customer, version, snapshot) of those that exist."""
        if not entity_ids:
            return []
        rows = await self.connection.fetch(_QUERIES.get_snapshots, entity_ids)
        return [(row["customer_id"], row["version"], row["snapshot"]) for row in rows]

    async def get_for_update(self, customer_ids: Sequence[str]) -> Mapping[str, Kept]:
        """Lock those that exist, in key order, for the rest of the transaction."""
        rows = await self.connection.fetch(_QUERIES.get_for_update, customer_ids)
        return {row["customer_id"]: Kept(*row) for row in rows}

    async def get_database_micros(self) -> int:
        """Microseconds of the database's clock: ask under the row locks, and versions follow it."""
        return int(await self.connection.fetchval(_QUERIES.get_database_micros))

    async def append_scores(self, rows: Sequence[ScoreRow]) -> None:
        """Add customers that were not there. Raises StaleReadError when one is by now: read again."""
        if rows:
            added = await self.connection.execute(_QUERIES.append_scores, *_columns(rows))
            if added != f"INSERT 0 {len(rows)}":
                raise StaleReadError("a new customer was stored by another process at the same time")

    async def update_scores(self, rows: Sequence[ScoreRow]) -> None:
        """Replace customers that were locked in this transaction."""
        if rows:
            await self.connection.execute(_QUERIES.update_scores, *_columns(rows))

    async def update_profile_versions(self, versions: Mapping[str, int]) -> None:
        """Note that these customers' scores also follow from a newer profile."""
        if versions:
            await self.connection.execute(_QUERIES.update_profile_versions, list(versions), list(versions.values()))

    async def claim_due(self, now: datetime, limit: int) -> Sequence[Kept]:
        """Lock up to `limit` customers whose transition is due, longest due first; skips what others hold."""
        return [Kept(*row) for row in await self.connection.fetch(_QUERIES.claim_due, now, limit)]

    async def get_kept(self, customer_id: str) -> Kept | None:
        """One customer, without a lock."""
        row: asyncpg.Record | None = await self.connection.fetchrow(_QUERIES.get_kept, customer_id)
        return Kept(*row) if row is not None else None

    async def list_kept(self, band: str | None, *, after: str, limit: int) -> Sequence[Kept]:
        """Active customers (in this band of churn risk) in key order, those after `after`."""
        if band is None:
            rows = await self.connection.fetch(_QUERIES.list_kept, after, limit)
        else:
            rows = await self.connection.fetch(_QUERIES.list_kept_in_band, after, limit, band)
        return [Kept(*row) for row in rows]

    async def count_kept(self, band: str | None) -> int:
        """How many `list_kept` would go through."""
        if band is None:
            return int(await self.connection.fetchval(_QUERIES.count_kept))
        return int(await self.connection.fetchval(_QUERIES.count_kept_in_band, band))


def _columns(rows: Sequence[ScoreRow]) -> tuple[list[object], ...]:
    return (
        [row.customer_id for row in rows],
        [row.version for row in rows],
        [row.snapshot for row in rows],
        [row.profile_version for row in rows],
        [row.basis for row in rows],
        [row.status for row in rows],
        [row.churn_band for row in rows],
        [row.next_transition_at for row in rows],
        [row.correlation_id for row in rows],
    )
