"""The store on one page, and the contract between its values and its statements."""

from pathlib import Path

import asyncpg
import pytest

from services.scoring.store import _QUERIES, SQL, ScoringStore
from shared.pipeline.store import SQL as PIPELINE_SQL
from tests.support.stack import Lease

CATALOG = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid), c.reloptions::text, pg_get_indexdef(c.oid)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind in ('r', 'i') and c.relname not like 'schema_migrations%'
    order by 1, a.attnum
"""


async def test_the_schema_on_one_page_is_the_sum_of_the_migrations(lease: Lease) -> None:
    migrated = await asyncpg.connect(await lease.dsn("scoring"))
    written = await asyncpg.connect(await lease.dsn("scoring"))
    try:
        await written.execute("drop schema public cascade; create schema public")
        for path in (*sorted((PIPELINE_SQL / "migrations").glob("*.sql")), SQL / "schema.sql"):
            await written.execute(Path(path).read_text(encoding="utf-8"))
        assert await written.fetch(CATALOG) == await migrated.fetch(CATALOG)
    finally:
        await migrated.close()
        await written.close()


async def test_every_statement_has_a_method_of_its_name() -> None:
    unknown = {name.removesuffix("_in_band") for name in _QUERIES.names()} - set(dir(ScoringStore))
    assert not unknown


@pytest.mark.parametrize("statement", ["claim_due", "list_kept_in_band", "get_for_update"])
async def test_what_is_asked_often_is_answered_from_an_index(lease: Lease, statement: str) -> None:
    arguments = {
        "claim_due": "('2026-01-01', 10)",
        "list_kept_in_band": "('00000000-0000-0000-0000-000000000000', 10, 'high')",
        "get_for_update": "(array['00000000-0000-0000-0000-000000000000']::uuid[])",
    }[statement]
    connection = await asyncpg.connect(await lease.dsn("scoring"))
    try:
        await connection.execute("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare asked as {getattr(_QUERIES, statement)}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute asked {arguments}"))
    finally:
        await connection.close()
    assert "Index Scan" in plan or "Bitmap Index Scan" in plan, plan
    assert "Seq Scan" not in plan
