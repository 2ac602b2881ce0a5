"""What an operator reads and changes in the database of any service: the tables that every pipeline has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import ConfigurationError
from shared.postgres import Store, load_queries

_QUERIES = load_queries(Path(__file__).with_name("queries.sql"))

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterId:
    """Which dead letter, as people name it: service/topic/partition/offset/fingerprint."""

    service: str
    topic: str
    partition: int
    offset: int
    fingerprint: int

    def __str__(self) -> str:
        return f"{self.service}/{self.topic}/{self.partition}/{self.offset}/{self.fingerprint:08x}"

    @property
    def row(self) -> tuple[str, int, int, int]:
        """Its primary key."""
        return self.topic, self.partition, self.offset, self.fingerprint


def letter_id(text: str) -> LetterId:
    """Parse one. Raises ConfigurationError."""
    try:
        service, topic, partition, offset, fingerprint = text.split("/")
        return LetterId(
            service=service,
            topic=topic,
            partition=int(partition),
            offset=int(offset),
            fingerprint=int(fingerprint, 16),
        )
    except ValueError:
        raise ConfigurationError(f"{text!r} names no dead letter; `ebbtide dead-letters list` shows the ids.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter as lists show it; `bytes` is the length of its record, None for one without a value."""

    id: LetterId
    reason: str
    detail: str
    attempts: int
    recorded_at: datetime
    first_failed_at: datetime
    last_failed_at: datetime
    key: bytes | None
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FullLetter(Letter):
    """A dead letter with its record."""

    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """One look at a database: its clock, what it owes the topic since when, and how many dead letters it holds."""

    now: datetime
    owed: int
    owed_since: datetime | None
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A record of the inbound topic that ingest refused."""

    quarantine_id: str
    code: str
    field: str
    status: str
    received_at: datetime


class OperatorStore(Store):
    """One service's database as an operator sees it."""

    async def list_dead_letters(
        self, service: str, *, topic: str | None = None, reason: str | None = None, limit: int
    ) -> list[Letter]:
        rows = await self.connection.fetch(_QUERIES.list_dead_letters, topic, reason, limit)
        return [Letter(**_fields(service, row)) for row in rows]

    async def count_dead_letters(self, *, topic: str | None = None, reason: str | None = None) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_dead_letters, topic, reason))

    async def list_dead_letters_holding(self, service: str, text: str, limit: int) -> list[Letter]:
        rows = await self.connection.fetch(_QUERIES.list_dead_letters_holding, text.encode(), limit)
        return [Letter(**_fields(service, row)) for row in rows]

    async def list_quarantined_holding(self, text: str, limit: int) -> list[Quarantined]:
        """In ingest's database; elsewhere there is no quarantine, which raises."""
        rows = await self.connection.fetch(_QUERIES.list_quarantined_holding, text.encode(), limit)
        return [Quarantined(**{**row, "quarantine_id": str(row["quarantine_id"])}) for row in rows]

    async def get_dead_letter(self, wanted: LetterId) -> FullLetter | None:
        row = await self.connection.fetchrow(_QUERIES.get_dead_letter, *wanted.row)
        if row is None:
            return None
        fields = _fields(wanted.service, {**row, "bytes": None if row["value"] is None else len(row["value"])})
        headers = [(name, value) for name, value in msgspec.msgpack.decode(row["headers"])]
        return FullLetter(**{**fields, "headers": headers})

    async def delete_dead_letter(self, wanted: LetterId) -> bool:
        """False when it was gone already."""
        return await self.connection.fetchval(_QUERIES.delete_dead_letter, *wanted.row) is not None

    async def list_migrations(self) -> set[str]:
        return {row["name"] for row in await self.connection.fetch(_QUERIES.list_migrations)}

    async def list_progress(self) -> dict[str, dict[int, int]]:
        """Topic to partition to the offset stored up to."""
        found: dict[str, dict[int, int]] = {}
        for row in await self.connection.fetch(_QUERIES.list_progress):
            found.setdefault(row["topic"], {})[row["partition"]] = row["next_offset"]
        return found

    async def get_state(self) -> DatabaseState:
        row = await self.connection.fetchrow(_QUERIES.get_state)
        assert row is not None
        return DatabaseState(**row)


_ID = ("topic", "partition", "offset", "fingerprint")


def _fields(service: str, row: Mapping[str, Any]) -> dict[str, Any]:
    identity = LetterId(service=service, **{name: row[name] for name in _ID})
    return {"id": identity, **{name: value for name, value in row.items() if name not in _ID}}
