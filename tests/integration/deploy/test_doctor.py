"""`ebbtide doctor` finds what is really broken, and says the way out."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.operation.checks import Finding, examine
from deploy.operation.installation import Installation
from shared.clock import real_now
from shared.ids import customer_id_of
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.inspection import backlogs
from shared.kafka.topics import INTERACTIONS, TOPICS
from shared.pipeline.store import PipelineStore
from shared.postgres import Database
from tests.integration.deploy.operator import Operator, operator_of
from tests.support.builders import day
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.waiting import eventually
from tests.support.world import World, open_world

SERVICES = ("ingest", "profiles", "scoring", "alerts", "notify")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def world(lease: Lease) -> AsyncIterator[World]:
    """All five services."""
    async with open_world(lease, day(0)) as world:
        yield world


def installation_of(world: World) -> Installation:
    return Installation(
        urls={service: world.url(service) for service in SERVICES},
        dsns=world.dsns,
        kafka=KafkaConnection(bootstrap=world.lease.kafka_bootstrap, client_id="tests"),
        prefix=world.lease.prefix,
        key=world.key,
    )


def wrong(findings: Sequence[Finding]) -> dict[str, str]:
    """Check to what is said, of everything that is wrong; each of them names a way out."""
    assert all(finding.act for finding in findings if finding.verdict == "wrong")
    return {finding.check: finding.says for finding in findings if finding.verdict == "wrong"}


async def test_a_healthy_system_has_nothing_wrong_and_each_break_is_named(world: World, lease: Lease) -> None:
    """What is not where it is looked for is gone, as far as anybody can see from there."""
    installation = installation_of(world)
    findings = await examine(installation)
    assert wrong(findings) == {}
    assert {finding.verdict for finding in findings} == {"fine", "note"}
    assert {finding.check for finding in findings} > {
        "ready",
        "release",
        "kafka",
        "lag",
        "database",
        "owed",
        "clock",
        "keys",
    }

    await publish(world.lease, INTERACTIONS, [(b"shop:1", b"{")])

    async def poisoned() -> bool:
        return wrong(await examine(installation)) == {"dead_letters": "profiles has set 1 records aside"}

    await eventually(poisoned, what="the dead letter")
    dsns = {**world.dsns, "scoring": await lease.dsn("scoring")}
    await _owe_for_long(dsns["scoring"])
    gone = wrong(await examine(replace(installation, urls={**installation.urls, "scoring": NOWHERE}, dsns=dsns)))
    assert gone["ready"] == f"scoring does not answer at {NOWHERE}"
    assert gone["owed"].startswith("scoring has owed its topic 1 snapshots for 3,6")
    away = await examine(replace(installation, kafka=KafkaConnection(bootstrap="127.0.0.1:9", client_id="tests")))
    assert wrong(away)["kafka"] == "Kafka does not answer at 127.0.0.1:9"
    assert [finding.check for finding in away if finding.verdict == "unseen"] == ["lag"]


async def _owe_for_long(dsn: str) -> None:
    async with Database(dsn, application="tests") as database, database.transaction() as connection:
        await PipelineStore(connection).append_to_publish({customer_id_of("shop:1"): 1}, delay_seconds=-3_600)


@pytest.fixture
async def bare(lease: Lease) -> Installation:
    """Migrated databases and no service that runs."""
    return Installation(
        urls=dict.fromkeys(SERVICES, NOWHERE),
        dsns={service: await lease.dsn(service) for service in SERVICES},
        kafka=KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tests"),
        prefix=lease.prefix,
    )


async def said(installation: Installation, check: str) -> list[str]:
    return [
        finding.says for finding in await examine(installation) if finding.check == check and finding.verdict == "wrong"
    ]


async def test_topics_that_are_missing_are_named(bare: Installation, lease: Lease) -> None:
    assert f"topic {lease.prefix}interactions.v1 does not exist" in await said(bare, "topics")


async def test_databases_behind_ahead_empty_and_away_are_told_apart(bare: Installation, lease: Lease) -> None:
    for service, statement in (
        ("scoring", "delete from schema_migrations where name like 'scoring/%'"),
        ("alerts", "insert into schema_migrations (name) values ('alerts/9999_of_tomorrow')"),
    ):
        async with bare.database(service) as database, database.connection() as connection:
            await connection.execute(statement)
    dsns = {**bare.dsns, "notify": await lease.empty_dsn(), "ingest": "postgresql://nobody:hush@127.0.0.1:9/none"}
    broken = replace(bare, dsns=dsns)
    migrations = await said(broken, "migrations")
    assert any(one.startswith("the database of scoring lacks scoring/0001") for one in migrations)
    assert "the database of alerts is ahead of this release: alerts/9999_of_tomorrow" in migrations
    assert "the database of notify holds no tables yet" in migrations
    (away,) = await said(broken, "database")
    assert away.startswith("the database of ingest cannot be used")
    assert "hush" not in away


async def test_records_that_nobody_reads_grow_old(bare: Installation, lease: Lease) -> None:
    await ensure_topics(bare.kafka, [topic.prefixed(lease.prefix) for topic in TOPICS])
    await publish(lease, INTERACTIONS, [(b"shop:1", b"{}"), (b"shop:2", b"{}"), (b"shop:3", b"{}")])
    notes = [finding.says for finding in await examine(bare) if finding.check == "lag" and finding.verdict == "note"]
    assert len(notes) == 1
    assert notes[0].startswith(f"profiles has 3 records of {lease.prefix}interactions.v1 to store, the oldest ")
    (behind,) = await backlogs(bare.kafka, [(f"{lease.prefix}interactions.v1", dict.fromkeys(range(6), 0))])
    assert behind.oldest_at is not None
    assert abs(real_now() - behind.oldest_at) < timedelta(minutes=2)


async def test_exit_codes_tell_wrong_from_unable_to_look(bare: Installation, lease: Lease, tmp_path: Path) -> None:
    code, _, text = await Operator({}).run("doctor", "--data", str(tmp_path))
    assert code == 2
    assert text.startswith(f"ebbtide: No Ebbtide runs in {tmp_path}")
    operator = operator_of(lease, bare.dsns, bare.urls)
    code, report, _ = await operator.run("doctor", "--json")
    assert (code, report["healthy"]) == (1, False)
    code, text, stderr = await operator.run("doctor", "--quiet")
    assert (code, stderr) == (1, "")
    assert "WRONG ingest does not answer at http://127.0.0.1:9 → start it" in text
    assert "ok " not in text
