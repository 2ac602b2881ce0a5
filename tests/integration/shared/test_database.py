"""Everything that could wait for ever is bounded; what passes is told from what does not."""

import asyncio
import contextlib
import time
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from shared.clock import pause
from shared.errors import TransientError
from shared.postgres import Database, is_transient
from tests.support.proxies import BLACK_HOLE, PASS, proxy_to
from tests.support.stack import Lease

PATIENCE = 1.0


def through(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))


@pytest.mark.parametrize("moment", ["statement", "commit", "connect"])
async def test_a_connection_that_fell_silent_is_given_up(lease: Lease, moment: str) -> None:
    """In the middle of a transaction, at its end, or before it: a TimeoutError in bounded time, and then it works."""
    dsn = await lease.dsn("tally")
    parts = urlsplit(dsn)
    assert parts.hostname is not None
    assert parts.port is not None
    async with (
        proxy_to(parts.hostname, parts.port) as proxy,
        Database(through(dsn, proxy.port), application="tests", patience_seconds=PATIENCE) as database,
    ):
        if moment != "connect":
            await database.ping()
        started = time.monotonic()
        with pytest.raises(Exception) as raised:  # noqa: PT011, PT012 whoever notices first raises
            if moment == "connect":
                proxy.condition = BLACK_HOLE
                await database.ping()
            async with database.transaction() as connection:
                await connection.fetchval("select 1")
                proxy.condition = BLACK_HOLE
                if moment == "statement":
                    await connection.fetchval("select 2")
        assert is_transient(raised.value), repr(raised.value)
        assert time.monotonic() - started < 6 * PATIENCE
        proxy.condition = PASS
        await database.ping()


async def test_a_statement_that_takes_too_long_is_cancelled(lease: Lease) -> None:
    """On the server too: its locks are free again."""
    async with Database(await lease.dsn("tally"), application="tests", patience_seconds=PATIENCE) as database:
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with database.transaction() as connection:
                await connection.execute("lock table tallies")
                await connection.execute("select pg_sleep(30)")
        async with database.transaction() as connection:
            await connection.execute("lock table tallies nowait")


async def test_an_idle_connection_that_was_ended_is_replaced(lease: Lease) -> None:
    async with Database(await lease.dsn("tally"), application="tests") as database:
        async with database.connection() as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
        admin = await asyncpg.connect(lease.admin_dsn)
        await admin.execute("select pg_terminate_backend($1, 5000)", pid)
        await admin.close()
        # Whether the first use fails depends on who is quicker; the second one never does.
        with contextlib.suppress(asyncpg.PostgresConnectionError):
            await database.ping()
        await database.ping()


async def test_who_is_cancelled_in_a_transaction_whose_session_was_ended_is_cancelled(lease: Lease) -> None:
    """And not told that the connection is closed, which who goes on after failures would take for one of them."""
    inside, ended = asyncio.Event(), asyncio.Event()

    async def work(database: Database) -> None:
        async with database.transaction() as connection:
            admin = await asyncpg.connect(lease.admin_dsn)
            await admin.execute("select pg_terminate_backend($1, 5000)", connection.get_server_pid())
            await admin.close()
            with contextlib.suppress(asyncpg.InterfaceError):  # that is how it says so
                while not connection.is_closed():
                    await pause(0)
            inside.set()
            await ended.wait()

    async with Database(await lease.dsn("tally"), application="tests") as database:
        task = asyncio.create_task(work(database))
        await inside.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_before_it_is_opened_it_says_so(lease: Lease) -> None:
    with pytest.raises(TransientError, match="not connected yet"):
        await Database(await lease.dsn("tally"), application="tests").ping()


NEVER = [
    ("select nothing", ()),
    ("select 1 / 0", ()),
    ("select $1::text", ("a\x00b",)),
    ("select $1::text", ("\ud800",)),
    ("select $1::bigint", (2**63,)),
    ("select $1::uuid", ("no uuid",)),
    ("insert into tallies values (gen_random_uuid(), null, '')", ()),
]
# Serialisation, deadlock, lock not available, shutdown, disk full, a disk that fails, read-only.
LATER = ["40001", "40P01", "55P03", "57P01", "53100", "58030", "25006"]


async def test_what_can_succeed_later_is_told_from_what_never_will(lease: Lease) -> None:
    async with Database(await lease.dsn("tally"), application="tests") as database, database.connection() as connection:
        for statement, arguments in NEVER:
            with pytest.raises(Exception) as raised:  # noqa: PT011 that is the question
                await connection.execute(statement, *arguments)
            assert not is_transient(raised.value), repr(raised.value)
        for code in LATER:
            with pytest.raises(asyncpg.PostgresError) as passing:
                await connection.execute(f"do $$ begin raise exception 'x' using errcode = '{code}'; end $$")
            assert is_transient(passing.value), repr(passing.value)


def test_a_session_that_is_being_ended_is_transient_and_a_defect_of_the_driver_is_not() -> None:
    ending = "cannot switch to state 15; another operation (2) is in progress"
    assert is_transient(asyncpg.InternalClientError(ending))
    assert not is_transient(asyncpg.InternalClientError("unexpected data"))


async def test_a_server_that_is_away_is_transient() -> None:
    async with Database("postgresql://nobody:x@127.0.0.1:1/none", application="tests") as database:
        with pytest.raises(OSError, match=r"refused|Connect") as raised:
            await database.ping()
    assert is_transient(raised.value)
