"""A service that must not go on by itself says so everywhere, and goes on when somebody has decided."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from deploy.environment import PROJECT, inherited
from deploy.operation.checks.services import check_services
from deploy.operation.installation import Installation
from services.profiles.app import build
from services.profiles.settings import Settings
from shared.application import Application
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.publisher import partition_of
from shared.kafka.topics import INTERACTIONS, PROFILES
from shared.postgres import load_queries
from tests.support.builders import day, interaction, record
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, SECRET, Lease, running
from tests.support.topics import last_per_key, publish
from tests.support.waiting import eventually

QUERIES = load_queries(Path(__file__).parent / "sql" / "recovery.sql")
WHO = "shop:0"
PARTITION = partition_of(WHO.encode(), INTERACTIONS.partitions)


async def buy(lease: Lease, ids: Sequence[int]) -> None:
    bought = [record(interaction(subject=WHO, id=f"p{one}", time=day(0))) for one in ids]
    await publish(lease, INTERACTIONS, bought)


async def remove_before(lease: Lease, offset: int) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=lease.kafka_bootstrap)
    await admin.start()
    try:
        one = TopicPartition(f"{lease.prefix}{INTERACTIONS.name}", PARTITION)
        await admin.delete_records({one: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


async def execute(settings: Settings, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(settings.postgres_dsn.get_secret_value())
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def counted(settings: Settings, number: int) -> bool:
    return len(await execute(settings, "select 1 from interactions")) == number


async def answer(app: Application, path: str) -> str:
    assert app.server is not None
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{app.server.port}{path}") as found:
        return await found.text()


async def test_what_retention_took_halts_a_service_until_somebody_decides(lease: Lease) -> None:
    """It says so on /readyz, in its metrics and to `ebbtide doctor`; the way out is the one in docs/operations.md."""
    settings = Settings(**await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml"))
    async with running(build(settings, clock=ManualClock(day(1)))):
        await buy(lease, range(10))
        await eventually(lambda: counted(settings, 10), what="ten purchases")
    await buy(lease, range(10, 15))
    await remove_before(lease, 13)
    async with running(build(settings, clock=ManualClock(day(1)))) as app:

        async def halted() -> bool:
            return "retention removed offsets 10 to 13" in await answer(app, "/readyz")

        await eventually(halted, what="the halt on /readyz")
        part = f'part="{lease.prefix}{INTERACTIONS.name}"'
        assert f'ebbtide_waiting{{kind="halted",{part}}} 1.0' in await answer(app, "/metrics")
        assert app.server is not None
        here = Installation(
            urls={"profiles": f"http://127.0.0.1:{app.server.port}"},
            dsns={},
            kafka=KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tests"),
        )
        (ready,) = [one for one in await check_services(here) if one.check == "ready"]
        assert ready.act == "records were lost before they were read: see docs/operations.md#ebbtidepartitionhalted"
        assert await counted(settings, 10), "nothing may be read past the hole"
    await execute(settings, QUERIES.forget_partition, f"{lease.prefix}{INTERACTIONS.name}", PARTITION)
    async with running(build(settings, clock=ManualClock(day(1)))) as app:
        await eventually(lambda: counted(settings, 12), what="what is left")
        assert '"ready"' in await answer(app, "/readyz")


async def test_a_topic_with_other_partitions_is_refused_in_one_sentence(lease: Lease) -> None:
    """Keys would be looked for on the wrong ones: the process ends with 2, and says what to do."""
    admin = AIOKafkaAdminClient(bootstrap_servers=lease.kafka_bootstrap)
    await admin.start()
    try:
        config = PROFILES.config()
        await admin.create_topics([NewTopic(f"{lease.prefix}{PROFILES.name}", 4, 1, topic_configs=config)])
    finally:
        await admin.close()
    environment = inherited() | {
        "EBBTIDE_HTTP_PORT": "0",
        "EBBTIDE_POSTGRES_DSN": await lease.dsn("scoring"),
        "EBBTIDE_SECRET": SECRET,
        "KAFKA_BOOTSTRAP": lease.kafka_bootstrap,
        "KAFKA_TOPIC_PREFIX": lease.prefix,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.scoring"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines() == [
        f"ebbtide: topic {lease.prefix}profiles.v1 has 4 partitions where the registry says 6; recreate it, or keys "
        "will be looked for on the wrong partition"
    ]


async def test_a_topic_that_lost_what_a_service_wrote_gets_everything_again(lease: Lease) -> None:
    """Nobody who reads it from its start may miss what has not changed since."""
    settings = Settings(**await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml"))

    async def published() -> bool:
        return len(await last_per_key(lease, PROFILES)) == 12

    people = [record(interaction(subject=f"shop:{number}", time=day(0))) for number in range(12)]
    async with running(build(settings, clock=ManualClock(day(1)))) as app:
        await publish(lease, INTERACTIONS, people)
        await eventually(published, what="twelve profiles")
        assert app._recall is not None
        await app._recall.read_back()
    await remove_topic(lease, PROFILES.name)
    async with running(build(settings, clock=ManualClock(day(1)))):
        await eventually(published, what="the twelve profiles again")


async def test_a_topic_that_loses_records_under_a_running_service_gets_everything_again(lease: Lease) -> None:
    """Also what it had not been looked at for yet: the first record that follows shows that others are gone."""
    settings = Settings(**await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml"))

    async def published() -> bool:
        return len(await last_per_key(lease, PROFILES)) == 12

    people = [record(interaction(subject=f"shop:{number}", time=day(0))) for number in range(12)]
    async with running(build(settings, clock=ManualClock(day(1)))):
        await publish(lease, INTERACTIONS, people)
        await eventually(published, what="twelve profiles")
        await remove_topic(lease, PROFILES.name)
        await ensure_topics(
            KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tests"), [PROFILES.prefixed(lease.prefix)]
        )
        again = [record(interaction(subject=f"shop:{number}", id="more", time=day(0))) for number in range(12)]
        await publish(lease, INTERACTIONS, again[:1])
        await eventually(published, what="all twelve again")


async def remove_topic(lease: Lease, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=lease.kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([lease.prefix + name])

        async def gone() -> bool:
            return lease.prefix + name not in await admin.list_topics()

        await eventually(gone, what="the end of the topic")
    finally:
        await admin.close()
