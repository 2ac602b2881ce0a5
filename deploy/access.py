"""Principals and keys of an installation, changed in ingest's own database; ingest publishes them when it runs."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from deploy.private_files import write_private
from deploy.state import read_state
from services.ingest.handlers.principals import Request, create_principal
from services.ingest.store import SQL, IngestStore
from shared.errors import ConfigurationError, EbbtideError
from shared.pipeline.store import SQL as PIPELINE_SQL
from shared.postgres import Database, migrate

T = TypeVar("T")

DSN_VARIABLE = "EBBTIDE_POSTGRES_DSN"


def find_dsn(data_dir: Path) -> str:
    """Of ingest's database: EBBTIDE_POSTGRES_DSN, else that of the system running in `data_dir`."""
    if given := os.environ.get(DSN_VARIABLE):
        return given
    state = read_state(data_dir)
    if state is None:
        raise ConfigurationError(
            f"No Ebbtide runs in {data_dir}: start it with `ebbtide up`, name its --data,"
            f" or set {DSN_VARIABLE} to ingest's database."
        )
    return state.dsns["ingest"]


def with_principals(dsn: str, act: Callable[[IngestStore], Awaitable[T]]) -> T:
    """Run `act` in one transaction on ingest's store, which is created if need be.

    Raises what `act` raises, and ConfigurationError when the database does not answer. Not for use in a coroutine.
    """
    return asyncio.run(change_principals(dsn, act))


def ensure_admin_key(dsn: str, path: Path) -> str:
    """The key of the installation's first administrator, made and written to `path` (mode 0600) at the first start.

    Not for use in a coroutine.
    """
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    request = Request(name=f"admin-{token_hex(3)}", kind="person", namespace=None, scopes=("admin",))
    granted = with_principals(dsn, lambda store: create_principal(store, request))
    write_private(path, granted.key.secret + "\n")
    return granted.key.secret


async def change_principals(dsn: str, act: Callable[[IngestStore], Awaitable[T]]) -> T:
    """As `with_principals`, for coroutines."""
    try:
        async with Database(dsn, application="ebbtide-keys", connections=2) as database:
            await migrate(database, (("pipeline", PIPELINE_SQL / "migrations"), ("ingest", SQL / "migrations")))
            async with database.transaction() as connection:
                return await act(IngestStore(connection))
    except EbbtideError:
        raise
    except Exception as error:
        if not (isinstance(error, OSError) or type(error).__module__.startswith("asyncpg")):
            raise
        raise ConfigurationError(f"Ingest's database cannot be used ({type(error).__name__}): is it running?") from None
