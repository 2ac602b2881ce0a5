"""The store of each service: its migrations, its page, and how the one becomes the other."""

from pathlib import Path

from deploy.schema.catalog import read_catalog
from deploy.schema.page import comments_of, schema_page
from deploy.stack.databases import SERVICES
from shared.pipeline.store import SQL as PIPELINE_SQL
from shared.postgres import Database, migrate

__all__ = ["SERVICES", "page_of", "schema_path"]

_ROOT = Path(__file__).resolve().parents[2]


def schema_path(service: str) -> Path:
    """Where the page of a service lies."""
    return _ROOT / "services" / service / "sql" / "schema.sql"


async def page_of(service: str, dsn: str) -> str:
    """Migrate the empty database at `dsn` for `service`; what its schema.sql must say."""
    pipeline = ("pipeline", PIPELINE_SQL / "migrations")
    own = (service, schema_path(service).parent / "migrations")
    async with Database(dsn, application="schema") as database:
        await migrate(database, [pipeline])
        async with database.connection() as connection:
            common = list((await read_catalog(connection)).tables)
        await migrate(database, [pipeline, own])
        async with database.connection() as connection:
            catalog = await read_catalog(connection)
    sources = [*sorted(pipeline[1].glob("*.sql")), *sorted(own[1].glob("*.sql")), schema_path(service)]
    comments = comments_of(path.read_text(encoding="utf-8") for path in sources if path.exists())
    return schema_page(service, catalog, common=common, comments=comments)
