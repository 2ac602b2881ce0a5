"""All five services after the loss of databases: from the topics, from an older backup, from the first record again."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.postgres import load_queries
from tests.e2e.test_any_order import NOW, event, history
from tests.support.builders import day
from tests.support.canonical import State, hash_of, read_state
from tests.support.snapshots import Kept, read_snapshots
from tests.support.stack import Lease
from tests.support.world import World, open_world

QUERIES = load_queries(Path(__file__).parent / "sql" / "recovery.sql")
FOLLOWERS = ("profiles", "scoring", "alerts", "notify")
EVENTS = 240


@dataclass
class Installation(Lease):
    """One set of topics whose databases are the test's to take away: a service without one gets an empty one."""

    held: dict[str, str] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    async def dsn(self, service: str) -> str:
        if service not in self.held:
            self.held[service] = await super().dsn(service)
        return self.held[service]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Everything, at rest when it is over; what was mailed is remembered. ingest begins with an empty database."""
        self.held.pop("ingest", None)
        async with open_world(self, NOW) as world:
            yield world
            await world.rest()
            self.told.update(str(mail["Message-ID"]) for _, mail in world.mailbox.messages)

    async def look(self) -> tuple[State, Mapping[str, Mapping[str, Kept]]]:
        """What the services concluded, and what they hold, versions and all. Nothing may run."""
        kept = {}
        for service in FOLLOWERS:
            connection = await asyncpg.connect(self.held[service])
            kept[service] = await read_snapshots(connection, service)
            await connection.close()
        return await read_state(self.held), kept

    async def execute(self, service: str, statement: str) -> None:
        connection = await asyncpg.connect(self.held[service])
        await connection.execute(statement)
        await connection.close()


@pytest.fixture
async def installation(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[Installation]:
    lease = Installation(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        yield lease
    finally:
        await lease.drop()


def versions(kept: Mapping[str, Kept]) -> dict[str, int]:
    return {key: one.version for key, one in kept.items()}


@pytest.mark.timeout(300)
async def test_rebuilt_and_read_again_from_the_start_everything_is_as_it_was(installation: Installation) -> None:
    """Into empty databases, twice; then all topics once more over full ones, which changes nothing at all.

    What people did is there as well, and nobody is told anything again.
    """
    async with installation.running() as world:
        await world.post([*history()[:EVENTS], *complaints()])
        await acknowledge_one(world)
    first, _ = await installation.look()
    told = Counter(installation.told)
    assert len(told) >= len(complaints())
    for _ in range(2):
        installation.held = {}
        async with installation.running():
            pass
        rebuilt, before = await installation.look()
        assert hash_of(rebuilt) == hash_of(first)
    for service in FOLLOWERS:
        await installation.execute(service, QUERIES.forget_progress)
    async with installation.running():
        pass
    again, after = await installation.look()
    assert again == rebuilt
    for service in FOLLOWERS:
        assert versions(after[service]) == versions(before[service]), f"{service} saw something new"
    assert installation.told == told


@pytest.mark.timeout(300)
async def test_a_database_from_an_older_backup_catches_up_with_the_others(installation: Installation) -> None:
    """One after the other, while the rest is ahead: the same conclusions and acts, and nobody is told twice."""
    events = history()[: EVENTS // 2]
    async with installation.running() as world:
        await world.post([*events, *complaints()[:4]])
    backups = {service: await installation.copy_of(installation.held[service]) for service in FOLLOWERS}
    async with installation.running() as world:
        await world.post([*history()[EVENTS // 2 : EVENTS], *complaints()[4:]])
        await acknowledge_one(world)
    wanted, _ = await installation.look()
    told = Counter(installation.told)
    for service, backup in backups.items():
        _, before = await installation.look()
        installation.held[service] = backup
        async with installation.running():
            pass
        found, after = await installation.look()
        assert hash_of(found) == hash_of(wanted), f"{service} was restored"
        old, new = versions(before[service]), versions(after[service])
        assert old.keys() == new.keys()
        assert all(new[key] >= old[key] for key in old), f"versions of {service} went back"
        assert installation.told == told, f"{service} was restored"


def complaints() -> list[dict[str, Any]]:
    """Of yesterday: somebody is mailed about each."""
    return [event(9_000 + one, "complaint.opened", f"angry:{one}", 399, {"case": f"a{one}"}) for one in range(8)]


async def acknowledge_one(world: World) -> None:
    """A person does something that no interaction says."""
    await world.rest()
    found = await world.get("alerts", "/v1/alerts", condition="firing", limit=1)
    promise = {"until": day(410).isoformat()}
    after = await world.act("alerts", f"/v1/alerts/{found['items'][0]['alert_id']}/acknowledge", promise)
    assert after["handling"] == "acknowledged"
