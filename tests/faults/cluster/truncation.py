"""A leader that has records nobody else has dies, and another that lacks them is elected, as an operator may allow.

Production does not (`unclean.leader.election.enable=false`, two copies acknowledged): here both are given up on
purpose. Two brokers are frozen, so that the third acknowledges alone; it dies, and they go on without what it had.
When it is back, it cuts its log down to theirs.
"""

import asyncio
import signal
import time

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.clock import pause
from shared.kafka.topics import TOPICS
from tests.faults.cluster.brokers import BROKERS, Cluster
from tests.faults.cluster.injections import cluster_of
from tests.faults.recovery_survey import Survey, survey
from tests.faults.rig import Rig

UNSAFE = {"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
_PATIENCE_SECONDS = 90.0
_AWAY_SECONDS = 8.0
_PACE_SECONDS = 0.25


async def allow_truncation(cluster: Cluster) -> None:
    """One copy is enough, and whoever is left may lead. What the services created says otherwise, topic by topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka_bootstrap.split(","))
    await admin.start()
    try:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, one.name, one.config() | UNSAFE) for one in TOPICS]
        )
    finally:
        await admin.close()


async def truncate(rig: Rig, name: str, *, seconds: float, calm: bool) -> Survey:
    """One truncation. `calm`: everything was read before the leader dies; else the load never stops."""
    cluster = cluster_of(rig)
    await cluster.whole()
    async with rig.load:
        await pause(seconds)
    leader = await cluster.busiest_leader()
    others = [number for number in BROKERS if number != leader]
    for number in others:
        cluster.signal(number, signal.SIGSTOP)
    await _wait_led_by(cluster, {leader})
    if calm:
        async with rig.load:
            await pause(seconds)
        await rig.rest(patience=_PATIENCE_SECONDS)
        await _change_leader(cluster, leader, others)
    else:
        async with rig.load:
            await pause(seconds)
            await _change_leader(cluster, leader, others)
            await pause(seconds)
    cluster.return_later(leader, seconds=_AWAY_SECONDS)
    async with rig.load:
        await pause(seconds)
        canaries = await rig.canaries()
        await rig.wait_seen(canaries, since=time.monotonic(), patience=_PATIENCE_SECONDS)
    await cluster.whole()
    return await survey(rig, name, patience=_PATIENCE_SECONDS)


async def _change_leader(cluster: Cluster, leader: int, others: list[int]) -> None:
    cluster.kill(leader)
    await pause(1)
    for number in others:
        cluster.signal(number, signal.SIGCONT)
    await _wait_led_by(cluster, set(others))


async def _wait_led_by(cluster: Cluster, brokers: set[int]) -> None:
    """Every partition of ours is led by one of these, and nobody else counts as having it."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            copies = await cluster.in_step()
            if copies and all(one and one <= brokers for one in copies.values()):
                return
            await pause(_PACE_SECONDS)
