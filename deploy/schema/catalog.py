"""What a database holds, as PostgreSQL's catalog says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).with_name("catalog.sql"))

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Two databases are the same store when these are equal (tables compared by name, columns in order)."""

    tables: dict[str, Row]
    columns: dict[str, list[Row]]
    constraints: dict[str, list[Row]]
    indexes: dict[str, list[Row]]
    others: list[str]


async def read_catalog(connection: Connection) -> Catalog:
    """All of a database but its rows."""
    tables = {row["name"]: dict(row) for row in await connection.fetch(_QUERIES.list_tables)}
    columns, constraints, indexes = [
        _by_table(await connection.fetch(query))
        for query in (_QUERIES.list_columns, _QUERIES.list_constraints, _QUERIES.list_indexes)
    ]
    others = [row["what"] for row in await connection.fetch(_QUERIES.list_others)]
    return Catalog(tables, columns, constraints, indexes, others)


def _by_table(rows: list[Any]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["table_name"], []).append(dict(row))
    return found
