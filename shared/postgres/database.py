"""The pool of one process, with a bound on everything that could wait for ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.errors import TransientError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# What a server or network that comes back cures. Everything else is a defect or bad data.
_TRANSIENT = (
    TransientError,
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InterfaceError,
)

_SERVER_SETTINGS = {
    # Nothing of another schema, and nothing temporary, can stand in for a table of ours.
    "search_path": "public, pg_temp",
    "jit": "off",
    "lock_timeout": "8s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
    "timezone": "UTC",
}


def is_transient(error: BaseException) -> bool:
    """Whether the same work can succeed later."""
    # What a session says whose server has just told it to end, while the end itself is under way.
    if isinstance(error, asyncpg.InternalClientError):
        return "another operation" in str(error)
    # The driver's refusal of a value is both; no server will ever see that value, however often it is tried.
    refused = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return isinstance(error, _TRANSIENT) and not refused


class Database:
    """A service's own database. Use as an async context manager; every call is bounded in time."""

    def __init__(self, dsn: str, *, application: str, connections: int = 10, patience_seconds: float = 10) -> None:
        """`patience_seconds` bounds each statement; getting a connection may take half of it."""
        self._dsn = dsn
        self._patience = patience_seconds
        self._application = application
        self._connections = connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def __aenter__(self) -> "Database":
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._connections,
            command_timeout=self._patience,
            timeout=self._patience / 2,
            init=_keep_alive,
            reset=_leave_as_it_is,
            server_settings={**_SERVER_SETTINGS, "application_name": self._application},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._pool is not None:
            try:
                async with asyncio.timeout(5):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()
            self._pool = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reads; each statement is its own transaction."""
        if self._pool is None:
            raise TransientError("the database is not connected yet")
        async with self._pool.acquire(timeout=self._patience / 2) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end of the block, rolled back when it raises.

        Who is cancelled in it is cancelled, even if the connection is gone and cannot be rolled back any more.
        """
        try:
            async with self.connection() as connection, connection.transaction():
                yield connection
        except asyncpg.InterfaceError as error:
            if isinstance(error.__context__, asyncio.CancelledError):
                raise error.__context__ from error
            raise

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.connection() as connection:
            await connection.fetchval("select 1")


async def _leave_as_it_is(connection: Any) -> None:
    """No statement of ours leaves anything on a session, so the default's round trip per use is saved.

    Open transactions have been rolled back by then; migrations release their lock themselves.
    """


async def _keep_alive(connection: Any) -> None:
    """A peer that vanished without a word is noticed within half a minute."""
    transport = getattr(connection, "_transport", None)
    raw = transport.get_extra_info("socket") if transport is not None else None
    if raw is None or raw.family not in (socket.AF_INET, socket.AF_INET6):
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000)):
        if hasattr(socket, option):
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
