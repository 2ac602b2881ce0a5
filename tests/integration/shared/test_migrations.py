"""Migrations: each once, all or nothing, and never on a database that is ahead."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.errors import ConfigurationError
from shared.postgres import Database, migrate
from tests.support.stack import Lease


def folder(root: Path, **files: str) -> Path:
    for name, text in files.items():
        (root / f"{name}.sql").write_text(text, encoding="utf-8")
    return root


async def names(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row[0] for row in await connection.fetch("select name from schema_migrations order by name")]


async def test_two_that_start_at_once_migrate_once(lease: Lease, tmp_path: Path) -> None:
    """One does it, the other waits and finds it done."""
    files = folder(tmp_path, **{"0001_a": "create table a (); select pg_sleep(0.2)", "0002_b": "create table b ()"})
    dsn = await lease.empty_dsn()
    async with Database(dsn, application="one") as one, Database(dsn, application="two") as two:
        applied = await asyncio.gather(*(migrate(database, [("x", files)]) for database in (one, two)))
        assert sorted(applied, key=len) == [[], ["x/0001_a", "x/0002_b"]]
        assert await migrate(one, [("x", files)]) == []
        assert await names(one) == ["x/0001_a", "x/0002_b"]


async def test_only_what_is_missing_is_applied(lease: Lease, tmp_path: Path) -> None:
    files = folder(tmp_path, **{"0001_a": "create table a ()"})
    async with Database(await lease.empty_dsn(), application="tests") as database:
        assert await migrate(database, [("x", files)]) == ["x/0001_a"]
        folder(tmp_path, **{"0002_b": "create table b ()"})
        assert await migrate(database, [("x", files)]) == ["x/0002_b"]


async def test_a_database_that_is_ahead_is_refused(lease: Lease, tmp_path: Path) -> None:
    """An older version of the service would not know what it may do there."""
    files = folder(tmp_path, **{"0001_a": "create table a ()", "0002_b": "create table b ()"})
    async with Database(await lease.empty_dsn(), application="tests") as database:
        await migrate(database, [("x", files)])
        (files / "0002_b.sql").unlink()
        with pytest.raises(ConfigurationError, match="x/0002_b"):
            await migrate(database, [("x", files)])


@pytest.mark.parametrize("failure", ["select 1 / 0", "insert into schema_migrations values ('x/0002_b')"])
async def test_a_migration_that_fails_leaves_nothing_and_frees_the_lock(
    lease: Lease, tmp_path: Path, failure: str
) -> None:
    """Even if it fails only when it is noted; those before it stay; mended, it is applied."""
    files = folder(tmp_path, **{"0001_a": "create table a ()", "0002_b": f"create table b (); {failure}"})
    async with Database(await lease.empty_dsn(), application="tests") as database:
        with pytest.raises((asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError)):
            await migrate(database, [("x", files)])
        assert await names(database) == ["x/0001_a"]
        async with database.connection() as connection:
            assert await connection.fetchval("select to_regclass('b')") is None
            assert await connection.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0
        folder(tmp_path, **{"0002_b": "create table b ()"})
        assert await migrate(database, [("x", files)]) == ["x/0002_b"]


async def test_a_migration_may_take_longer_than_a_statement(lease: Lease, tmp_path: Path) -> None:
    files = folder(tmp_path, **{"0001_a": "select pg_sleep(0.6)"})
    async with Database(await lease.empty_dsn(), application="tests", patience_seconds=0.4) as database:
        assert await migrate(database, [("x", files)]) == ["x/0001_a"]


async def test_a_file_with_another_name_is_refused(lease: Lease, tmp_path: Path) -> None:
    files = folder(tmp_path, **{"1_a": "create table a ()"})
    async with Database(await lease.empty_dsn(), application="tests") as database:
        with pytest.raises(ConfigurationError, match=r"1_a\.sql"):
            await migrate(database, [("x", files)])
