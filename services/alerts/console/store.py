"""What the page reads of alerts, and its sessions; one store object per connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from services.alerts.console.filters import Filters, Place
from services.alerts.domain.entities import Alert
from shared.contracts import Snapshot
from shared.postgres import Store, load_queries

_QUERIES = load_queries(Path(__file__).parent.parent / "sql" / "console.sql")
# How far a database's clock may be set back without a change being missed.
MARGIN = timedelta(seconds=5)


@dataclass(slots=True)
class Customer:
    """The part of a stored subject that people see."""

    references: tuple[str, ...] = ()
    value_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One alert with what is known of its customer."""

    alert: Alert
    version: int
    customer: Customer = field(default_factory=Customer)

    @property
    def place(self) -> Place:
        """Where it stands in a list."""
        return Place(self.alert.severity, self.alert.fired_at, self.alert.alert_id)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Whose session it is, by which key, and when it was last used; see `sessions.Sessions` for the sealed key."""

    principal_id: str
    key_id: str
    seen_at: datetime
    sealed_key: bytes | None = field(default=None, repr=False)


_ALERT = msgspec.json.Decoder(Snapshot[Alert])
_CUSTOMER = msgspec.json.Decoder(Customer)


class ConsoleStore(Store):
    """See `sql/console.sql` for what each statement does."""

    async def get_horizon(self, margin: timedelta = MARGIN) -> int:
        return int(await self.connection.fetchval(_QUERIES.get_horizon, margin))

    async def list_changes(self, since: int, limit: int) -> list[tuple[str, int]]:
        rows = await self.connection.fetch(_QUERIES.list_changes, since, limit)
        return [(str(row["alert_id"]), row["version"]) for row in rows]

    async def get_rows(self, alert_ids: Sequence[str]) -> list[Row]:
        return await self._rows(_QUERIES.get_rows, list(alert_ids))

    async def list_rows(self, filters: Filters, after: Place | None, limit: int) -> list[Row]:
        behind = (after.rank, after.fired_at, after.alert_id) if after is not None else (None, None, None)
        return await self._rows(
            _QUERIES.list_rows,
            filters.condition,
            filters.handling if filters.handling != "any" else None,
            filters.severity,
            filters.owner,
            filters.rule,
            filters.q,
            *behind,
            limit,
            sorted(filters.named),
        )

    async def list_rows_of_customer(self, customer_id: str, limit: int) -> list[Row]:
        return await self._rows(_QUERIES.list_rows_of_customer, customer_id, limit)

    async def count_open(self) -> Mapping[str, int]:
        return {row["severity"]: row["alerts"] for row in await self.connection.fetch(_QUERIES.count_open)}

    async def count_days(self, starts: Sequence[datetime], until: datetime) -> list[tuple[int, int]]:
        """How many fired and ended, for each of the days that begin at `starts`."""
        rows = await self.connection.fetch(_QUERIES.count_days, list(starts), until)
        counted = {row["day"]: (row["fired"], row["ended"]) for row in rows}
        return [counted.get(place, (0, 0)) for place, _ in enumerate(starts, start=1)]

    # --- sessions

    async def append_session(self, token_hash: bytes, session: StoredSession) -> None:
        await self.connection.execute(
            _QUERIES.append_session,
            token_hash,
            session.principal_id,
            session.key_id,
            session.sealed_key,
            session.seen_at,
        )

    async def get_session(self, token_hash: bytes, used_after: datetime) -> StoredSession | None:
        row = await self.connection.fetchrow(_QUERIES.get_session, token_hash, used_after)
        return StoredSession(**row) if row is not None else None

    async def touch_session(self, token_hash: bytes, at: datetime) -> None:
        await self.connection.execute(_QUERIES.touch_session, token_hash, at)

    async def delete_session(self, token_hash: bytes) -> None:
        await self.connection.execute(_QUERIES.delete_session, token_hash)

    async def prune_sessions(self, used_before: datetime) -> None:
        await self.connection.execute(_QUERIES.prune_sessions, used_before)

    async def _rows(self, query: str, *arguments: Any) -> list[Row]:
        rows = await self.connection.fetch(query, *arguments)
        return [
            Row(
                _ALERT.decode(row["snapshot"]).data,
                row["version"],
                _CUSTOMER.decode(row["body"]) if row["body"] is not None else Customer(),
            )
            for row in rows
        ]
