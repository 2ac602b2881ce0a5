"""The stack tests run on: embedded by default, or the one named by EBBTIDE_TEST_STACK.

Every test leases its own databases (from migrated templates, milliseconds) and its own topics (by prefix).
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.application import Application
from shared.contracts import Settled, Snapshot
from shared.kafka.topics import INTERACTIONS, PROFILES, SCORES, SETTLED
from shared.pipeline.store import SQL as PIPELINE_SQL
from shared.postgres import Database, migrate

ROOT = Path(__file__).resolve().parents[2]
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
SECRET = "a-secret-for-tests-that-is-long-enough"


@dataclass
class Lease:
    """One test's own topics, and a database per service it asks for."""

    kafka_bootstrap: str
    admin_dsn: str
    templates: dict[str, str]
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}.")
    databases: list[str] = field(default_factory=list)

    async def dsn(self, service: str) -> str:
        """A new database, migrated for `service`, dropped when the test is over."""
        return await self._create(service, f"template {await self._template(service)} strategy file_copy")

    async def empty_dsn(self) -> str:
        """A new database with nothing in it, dropped when the test is over."""
        return await self._create("empty", "template template0")

    async def copy_of(self, dsn: str) -> str:
        """A new database that holds what the one at `dsn` holds now. Nobody may be connected to that one."""
        return await self._create("copy", f"template {urlsplit(dsn).path.strip('/')} strategy file_copy")

    async def _create(self, what: str, options: str) -> str:
        name = f"lease_{what}_{secrets.token_hex(4)}"
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute(f"create database {name} {options}")
        finally:
            await admin.close()
        self.databases.append(name)
        return with_database(self.admin_dsn, name)

    async def settings(self, service: str, **more: Any) -> dict[str, Any]:
        """Keyword arguments for the service's Settings."""
        return {
            "http_port": 0,
            "postgres_dsn": await self.dsn(service),
            "secret": SECRET,
            "log_level": "WARNING",
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "KAFKA_TOPIC_PREFIX": self.prefix,
            **more,
        }

    async def _template(self, service: str) -> str:
        if service not in self.templates:
            name = f"template_{service}_{secrets.token_hex(4)}"
            admin = await asyncpg.connect(self.admin_dsn)
            try:
                await admin.execute(f"create database {name}")
            finally:
                await admin.close()
            async with Database(with_database(self.admin_dsn, name), application="tests") as database:
                await migrate(database, migrations_of(service))
            self.templates[service] = name
        return self.templates[service]

    async def drop(self) -> None:
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            for name in self.databases:
                await admin.execute(f"drop database if exists {name} with (force)")
        finally:
            await admin.close()


def migrations_of(service: str) -> list[tuple[str, Path]]:
    """As Application applies them. Services that only tests have lie in tests/support."""
    folder = ROOT / "tests" / "support" if (ROOT / "tests" / "support" / service).is_dir() else ROOT / "services"
    return [
        ("pipeline", PIPELINE_SQL / "migrations"),
        (service, folder / service / "sql" / "migrations"),
    ]


def with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def stack() -> Iterator[EmbeddedStack | ExternalStack]:
    """Kafka and PostgreSQL for the whole session."""
    kind = os.environ.get("EBBTIDE_TEST_STACK", "embedded")
    if kind == "external":
        external = ExternalStack.from_environment()
        external.start()
        yield external
        return
    if kind == "testcontainers":
        from tests.support.containers import container_stack

        with container_stack() as contained:
            yield contained
        return
    if kind != "embedded":
        known = "embedded, external or testcontainers"
        pytest.exit(f"EBBTIDE_TEST_STACK={kind} is not known: use {known}", returncode=2)
    folder = Path(tempfile.mkdtemp(prefix="ebbtide-test-"))
    embedded = EmbeddedStack(folder)
    embedded.start()
    try:
        yield embedded
    finally:
        embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """Migrated databases by service, made when first asked for."""
    return {}


@pytest.fixture
async def lease(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[Lease]:
    """This test's own topics and databases."""
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        yield lease
    finally:
        await lease.drop()


@asynccontextmanager
async def running(app: Any, *, alone: bool = True) -> AsyncIterator[Any]:
    """A service, started, and stopped at the end. Of one that runs alone nobody else holds back anything."""
    await app.start()
    try:
        if alone:
            await settle_for_ever(app)
        yield app
    finally:
        await app.stop()


async def settle_for_ever(app: Application) -> None:
    """Say what the services before this one would: whatever is ever accepted has arrived."""
    for topic in (INTERACTIONS, PROFILES, SCORES):
        name = app.topic(topic).name
        mark = Snapshot(
            id=f"{name}:1",
            source="tests",
            type="ebbtide.settled",
            subject=name,
            time=END_OF_TIME,
            version=1,
            data=Settled(topic=name, at=END_OF_TIME, next_offsets=(0,) * topic.partitions),
        )
        await app.publisher.send(app.topic(SETTLED).name, [(name.encode(), msgspec.json.encode(mark))])
