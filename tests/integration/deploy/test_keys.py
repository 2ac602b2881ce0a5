"""`ebbtide keys`, as an operator types it."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

from tests.support.stack import ROOT, Lease


async def ebbtide(dsn: str, *arguments: str) -> tuple[int, Any, str]:
    """Exit code, JSON on standard output (or its text) and standard error."""
    environment = {**os.environ, "EBBTIDE_POSTGRES_DSN": dsn, "PYTHONPATH": str(ROOT)}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout, done.stderr


async def test_keys_are_made_listed_rotated_and_revoked(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    create = ("keys", "create", "--name", "shop", "--namespace", "shop", "--scope", "interactions:write", "--json")
    code, made, _ = await ebbtide(dsn, *create)
    assert code == 0
    assert made["key"].startswith(f"ebb_{made['key_id']}_")
    code, _, said = await ebbtide(dsn, *create)
    assert (code, said.startswith("ebbtide: shop exists already")) == (1, True)
    code, second, _ = await ebbtide(dsn, "keys", "rotate", "shop", "--json")
    assert code == 0
    code, _, _ = await ebbtide(dsn, "keys", "revoke", made["key_id"])
    assert code == 0
    code, listed, _ = await ebbtide(dsn, "keys", "list", "--json")
    assert code == 0
    assert [(key["key_id"], key["state"]) for key in listed["items"][0]["keys"]] == [
        (made["key_id"], "revoked"),
        (second["key_id"], "active"),
    ]
    assert made["key"] not in json.dumps(listed)


async def test_people_have_ordinary_names(lease: Lease) -> None:
    dsn = await lease.dsn("ingest")
    code, ada, _ = await ebbtide(
        dsn, "keys", "create", "--name", "Ada Brandt", "--kind", "person", "--scope", "alerts:read", "--json"
    )
    assert (code, ada["name"]) == (0, "Ada Brandt")
    code, _, said = await ebbtide(dsn, "keys", "create", "--name", "a b", "--scope", "alerts:read")
    assert (code, "--kind person" in said) == (1, True)


async def test_database_that_is_away_is_said_in_one_sentence() -> None:
    code, _, said = await ebbtide("postgresql://nobody:secret@127.0.0.1:9/none", "keys", "list")
    assert code == 1
    assert said.startswith("ebbtide: Ingest's database cannot be used")
    assert "secret" not in said
    assert said.count("\n") == 1
