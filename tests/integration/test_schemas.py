"""schema.sql shows the whole store of a service, and is what its migrations add up to."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.schema.catalog import Catalog, read_catalog
from deploy.schema.stores import SERVICES, page_of, schema_path
from shared.pipeline.store import SQL as PIPELINE_SQL
from shared.postgres import load_queries
from tests.support.stack import Lease


async def catalog_at(dsn: str, statements: str = "select 1") -> Catalog:
    """The catalog of a database after these statements, which are taken back."""
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statements)
        return await read_catalog(connection)
    finally:
        await connection.close()


def comparable(catalog: Catalog) -> dict[str, Any]:
    """Without the order of tables, which is that of their making."""
    return {
        name: value
        if name == "others"
        else {key: sorted(map(str, rows)) if name == "indexes" else rows for key, rows in value.items()}
        for name, value in dataclasses.asdict(catalog).items()
    }


@pytest.mark.parametrize("service", SERVICES)
async def test_the_schema_on_a_page_is_the_sum_of_the_migrations(lease: Lease, service: str) -> None:
    """Tables, columns, types, defaults, constraints, indexes, partitions and storage; and the page is current."""
    dsn = await lease.empty_dsn()
    expected_page = await page_of(service, dsn)
    page = schema_path(service).read_text(encoding="utf-8")
    assert comparable(await catalog_at(await lease.empty_dsn(), page)) == comparable(await catalog_at(dsn))
    assert page == expected_page, "run: python -m deploy.schema"


async def refused_statements(dsn: str, files: Iterable[Path]) -> list[str]:
    """Every named statement that this database cannot even plan, and why."""
    refused = []
    connection = await asyncpg.connect(dsn)
    try:
        for path in files:
            queries = load_queries(path)
            # Temporary tables are made by statements too; others are told of them.
            for name in sorted(queries.names(), key=lambda one: (not one.startswith("create_"), one)):
                try:
                    if name.startswith("create_"):
                        await connection.execute(getattr(queries, name))
                    await connection.prepare(getattr(queries, name))
                except asyncpg.PostgresError as error:
                    refused.append(f"{path.name} {name}: {error}")
    finally:
        await connection.close()
    return refused


@pytest.mark.parametrize("service", SERVICES)
async def test_every_named_statement_fits_the_schema(lease: Lease, service: str) -> None:
    """A statement whose failure is waited out, or that is rarely used, would be wrong for long before anybody knew."""
    own = [path for path in schema_path(service).parent.glob("*.sql") if path.name != "schema.sql"]
    assert own
    assert await refused_statements(await lease.dsn(service), [*own, PIPELINE_SQL / "queries.sql"]) == []


async def test_the_check_sees_a_statement_that_does_not_fit(lease: Lease, tmp_path: Path) -> None:
    bad = tmp_path / "queries.sql"
    bad.write_text("-- name: count_some\nselect count(*) from (select 1 from progress) as some;\n", encoding="utf-8")
    assert len(await refused_statements(await lease.dsn("scoring"), [bad])) == 1


STORE = 'create table a (id uuid primary key, at timestamptz not null default now(), name text collate "C")'


CHANGES = [
    "alter table a add column b text",
    "alter table a alter column at drop not null",
    "alter table a alter column at drop default",
    'alter table a alter column name type text collate "POSIX"',
    "alter table a alter column id type text",
    "alter table a add check (at > '2000-01-01')",
    "create index on a (at)",
    "create index on a (at) where name is null",
    "alter table a set (fillfactor = 70)",
    "alter table a alter column name set storage external",
    "create table b ()",
    "create view b as select 1 as one",
    "create function f() returns int language sql as 'select 1'",
]


async def test_the_comparison_sees_a_difference(lease: Lease) -> None:
    dsn = await lease.empty_dsn()
    before = comparable(await catalog_at(dsn, STORE))
    for change in CHANGES:
        assert comparable(await catalog_at(dsn, f"{STORE}; {change}")) != before, change
