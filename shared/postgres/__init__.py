"""PostgreSQL: one pool per process, statements by name, migrations. Besides stores only this imports asyncpg."""

from shared.postgres.database import Connection, Database, is_transient
from shared.postgres.migrations import migrate
from shared.postgres.queries import Queries, load_queries
from shared.postgres.store import Store

__all__ = ["Connection", "Database", "Queries", "Store", "is_transient", "load_queries", "migrate"]
