"""One database and one role per service on a PostgreSQL server, each owner of its own database only."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import asyncpg

from shared.errors import ConfigurationError

SERVICES = ("ingest", "profiles", "scoring", "alerts", "notify")
ROLES = tuple(f"ebbtide_{service}" for service in SERVICES)
_MISSING = Path(__file__).with_name("databases.sql")


def dsn(role: str, password: str, *, host: str, port: int, database: str) -> str:
    """A PostgreSQL URL."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{host}:{port}/{quote(database)}"


def create_databases(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Make sure each role of `passwords` exists with that password and owns the database of its name.

    Safe to repeat. Works whether or not the caller has a running event loop. Raises ConfigurationError.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(_create(admin_dsn, passwords))).result()


async def _create(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    missing = _MISSING.read_text(encoding="utf-8")
    try:
        connection = await asyncpg.connect(admin_dsn, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise ConfigurationError(
            f"PostgreSQL does not let the administrator in ({type(error).__name__}): {error}"
        ) from None
    try:
        for role, password in passwords.items():
            for row in await connection.fetch(missing, role, password):
                await connection.execute(row["statement"])
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"The databases could not be made in PostgreSQL: {error}") from None
    finally:
        await connection.close()
