"""What each service's store says it has published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.postgres import load_queries

_QUERIES = load_queries(Path(__file__).parent / "sql" / "snapshots.sql")


@dataclass(frozen=True, slots=True)
class Kept:
    """One row of a service's snapshot table."""

    version: int
    snapshot: bytes | None


async def read_snapshots(connection: Any, service: str) -> dict[str, Kept]:
    """Entity id to version and snapshot, of every row."""
    rows = await connection.fetch(getattr(_QUERIES, service))
    return {row["id"]: Kept(row["version"], row["snapshot"]) for row in rows}
