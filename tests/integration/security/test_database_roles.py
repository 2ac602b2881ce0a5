"""What a service may do with its password: everything in its own database, nothing anywhere else."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.stack.databases import SERVICES
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.postgres import Database
from tests.support.stack import with_database

Stack = EmbeddedStack | ExternalStack

# Each must fail for a role of ours.
FORBIDDEN = (
    "create role intruder login",
    "create database intruder",
    "alter role postgres password 'x'",
    "alter role current_user superuser",
    "alter role current_user createdb",
    "set role postgres",
    "alter system set log_statement = 'all'",
    "copy (select 1) to program 'true'",
    "copy pg_authid to '/tmp/roles'",
    "select * from pg_authid",
    "select * from pg_read_file('/etc/passwd')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "create extension dblink",
    "load 'nothing'",
)

_REFUSED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedFileError,
    asyncpg.UndefinedObjectError,  # another stack's administrator may have another name
    asyncpg.FeatureNotSupportedError,
)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_password_opens_no_database_but_its_own(stack: Stack, service: str) -> None:
    """Nor under another service's name."""
    own = stack.dsn(service)
    for other in SERVICES:
        if other != service:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(with_database(own, f"ebbtide_{other}"))
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(own.replace(f"//ebbtide_{service}:", f"//ebbtide_{other}:", 1))
    connection = await asyncpg.connect(own)
    assert await connection.fetchval("select current_database()") == urlsplit(own).path.strip("/")
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_may_nothing_beyond_its_database(stack: Stack, service: str) -> None:
    connection = await asyncpg.connect(stack.dsn(service))
    allowed = []
    for statement in FORBIDDEN:
        try:
            await connection.execute(statement)
        except _REFUSED:
            continue
        except asyncpg.PostgresError as error:
            allowed.append(f"{statement}: {error!r}")
        else:
            allowed.append(statement)
    attributes = await connection.fetchrow(
        "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls from pg_roles"
        " where rolname = current_user"
    )
    others = await connection.fetchval(
        "select count(*) from pg_auth_members where member = (select oid from pg_roles where rolname = current_user)"
    )
    everybody = await connection.fetchval("select has_schema_privilege('public', 'public', 'create')")
    await connection.close()
    assert allowed == []
    assert attributes is not None
    assert set(attributes.values()) == {False}
    assert (others, everybody) == (0, False)


async def test_names_are_looked_up_in_one_schema_only(stack: Stack) -> None:
    """A table of the same name in a schema called like the role, or a temporary one, is not taken for ours."""
    async with Database(stack.dsn("ingest"), application="tests") as database, database.connection() as connection:
        assert await connection.fetchval("show search_path") == "public, pg_temp"


async def test_passwords_are_stored_as_scram_and_tls_is_not_given_up_when_asked_for(stack: Stack) -> None:
    admin = await asyncpg.connect(stack.admin_dsn)
    stored = await admin.fetch("select rolpassword from pg_authid where rolname like 'ebbtide\\_%'")
    tls = await admin.fetchval("show ssl")
    await admin.close()
    assert len(stored) >= len(SERVICES)
    assert all(row["rolpassword"].startswith("SCRAM-SHA-256$") for row in stored)
    if tls == "off":
        database = Database(stack.dsn("ingest") + "?sslmode=require", application="tests")
        with pytest.raises(ConnectionError, match="SSL"):
            async with database:
                await database.ping()
