"""The store on one page, and the contract between its values and its statements."""

import asyncpg
import pytest

from services.scoring.store import _QUERIES, ScoringStore
from tests.support.stack import Lease


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
