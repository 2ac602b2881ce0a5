"""Forward-only numbered migrations, applied under an advisory lock, each in its own transaction."""

import re
from collections.abc import Sequence
from pathlib import Path

from shared.errors import ConfigurationError
from shared.postgres.database import Connection, Database
from shared.postgres.queries import load_queries

_QUERIES = load_queries(Path(__file__).parent / "migrations.sql")
# A little more than the server's own limits in migrations.sql, which give the better message.
LOCK_SECONDS = 65
MIGRATION_SECONDS = 610
_FILE = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")


async def migrate(database: Database, folders: Sequence[tuple[str, Path]]) -> list[str]:
    """Apply what is missing, folder by folder in file order; returns what was applied.

    Several processes may start at once: one migrates, the others wait for it. `folders` are (prefix, folder);
    a migration is remembered as `prefix/file`. Raises ConfigurationError when the database is ahead of this code.
    """
    known = [
        (f"{prefix}/{path.stem}", path.read_text(encoding="utf-8"))
        for prefix, folder in folders
        for path in _files(folder)
    ]
    async with database.connection() as connection:
        try:
            await connection.execute(_QUERIES.lock_migrations, timeout=LOCK_SECONDS)
            await connection.execute(_QUERIES.create_migrations)
            applied = {row["name"] for row in await connection.fetch(_QUERIES.list_migrations)}
            if unknown := applied - {name for name, _ in known}:
                raise ConfigurationError(f"the database has migrations this version does not know: {sorted(unknown)}")
            missing = [(name, text) for name, text in known if name not in applied]
            for name, text in missing:
                await _apply(connection, name, text)
            return [name for name, _ in missing]
        finally:
            await connection.execute(_QUERIES.unlock_migrations)


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.sql"))
    if bad := [path.name for path in files if not _FILE.match(path.name)]:
        raise ConfigurationError(f"migrations are named 0001_what_it_does.sql, these are not: {bad}")
    return files


async def _apply(connection: Connection, name: str, text: str) -> None:
    async with connection.transaction():
        await connection.execute(_QUERIES.set_migration_timeouts)
        await connection.execute(text, timeout=MIGRATION_SECONDS)
        await connection.execute(_QUERIES.append_migration, name)
