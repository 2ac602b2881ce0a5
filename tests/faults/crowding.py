"""The faults of too many: replicas that come and go, one customer who is everybody, and a backlog."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from shared.clock import pause
from shared.kafka.topics import INTERACTIONS, PROFILES
from tests.faults.injections import QUERIES, BrokenError, Fault
from tests.faults.lines import being
from tests.faults.observed import count_flows
from tests.faults.rig import Rig
from tests.support.proxies import REFUSING

_REPLICA_SECONDS = 180.0
_MEMBER_SECONDS = 2.0
_DRAIN_SECONDS = 120.0
_PACE_SECONDS = 0.2


def two_replicas(*, seconds: float) -> Fault:
    """A second profiles takes over some partitions, then is killed: links of one customer are on both sides."""

    async def strike(rig: Rig) -> None:
        async with _replica(rig):
            await pause(seconds)

    return Fault("two replicas of profiles, one killed", strike)


def one_customer(*, seconds: float) -> Fault:
    """90 % of what happens is about one customer, whose references are on partitions of both replicas."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        async with _replica(rig):
            before = rig.truth.lines
            with rig.crowd.crowding():
                await pause(seconds)
        return {"accepted meanwhile": rig.truth.lines - before}

    return Fault(f"90 % on one customer, two replicas, {seconds:g} s", strike)


def rebalance_storm(*, seconds: float) -> Fault:
    """Beside two replicas of profiles a third member of their group comes and goes every 2 s, and handles nothing."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        joined = 0
        async with _replica(rig):
            before = rig.truth.lines
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                joined += await _join_and_leave(rig)
        if not joined:
            raise BrokenError("the fault did not strike: no member joined")
        return {"came and went": joined, "accepted meanwhile": rig.truth.lines - before}

    return Fault(f"rebalance storm of profiles, {seconds:g} s", strike)


def backlog(*, seconds: float) -> Fault:
    """Scoring is cut off from everything; then it has to catch up while the load goes on."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        lines = [rig.lines.databases["scoring"], rig.lines.brokers["scoring"]]
        with being(lines, REFUSING):
            await pause(seconds)
        return await _drained(rig)

    return Fault(f"backlog of scoring after {seconds:g} s", strike)


@asynccontextmanager
async def _replica(rig: Rig) -> AsyncIterator[None]:
    """A second process of profiles that reads; killed at the end."""
    replica = rig.replica("profiles")
    try:
        port = replica.command.env["EBBTIDE_HTTP_PORT"] if replica.command.env else ""
        deadline = time.monotonic() + _REPLICA_SECONDS
        while not await asyncio.to_thread(_has_read, f"http://127.0.0.1:{port}"):
            if time.monotonic() > deadline:
                raise BrokenError(f"a second replica had read nothing after {_REPLICA_SECONDS:g} s")
            await pause(_PACE_SECONDS)
        yield
    finally:
        await asyncio.to_thread(replica.kill)


def _has_read(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
            return any(read for read, _ in count_flows("profiles", answer.read().decode()).values())
    except OSError:
        return False


async def _join_and_leave(rig: Rig) -> bool:
    """Whether it got as far as being a member."""
    member = AIOKafkaConsumer(
        INTERACTIONS.name,
        bootstrap_servers=rig.system.stack.kafka_bootstrap,
        group_id="profiles",
        enable_auto_commit=False,
        partition_assignment_strategy=(StickyPartitionAssignor,),
        heartbeat_interval_ms=1_000,
    )
    try:
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(member.start(), 5 * _MEMBER_SECONDS)
            await pause(_MEMBER_SECONDS)
            return True
        return False
    finally:
        await member.stop()


async def _drained(rig: Rig) -> Mapping[str, float]:
    """Waits until scoring has caught up; how fast that went, from when it moved."""
    partitions = [TopicPartition(PROFILES.name, number) for number in range(PROFILES.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=rig.system.stack.kafka_bootstrap, enable_auto_commit=False)
    connection = await asyncpg.connect(rig.dsns["scoring"], timeout=10)
    await consumer.start()
    try:

        async def look() -> tuple[float, int, int]:
            done = await connection.fetchval(QUERIES.read_progress, PROFILES.name)
            return time.monotonic(), sum((await consumer.end_offsets(partitions)).values()), int(done or 0)

        began = first = now = await look()
        while now[2] < now[1] - 100 and now[0] - began[0] < _DRAIN_SECONDS:
            await pause(_PACE_SECONDS)
            now = await look()
            if now[2] == began[2]:
                first = now
    finally:
        await consumer.stop()
        await connection.close(timeout=5)
    # The input over all of the time: the moment in which the backlog goes may be too short to see any come.
    into = (now[1] - began[1]) / max(now[0] - began[0], _PACE_SECONDS)
    out = (now[2] - first[2]) / max(now[0] - first[0], _PACE_SECONDS)
    if now[2] < now[1] - 100 and out <= into:
        raise BrokenError(f"the backlog does not shrink: {into:.0f} in, {out:.0f} out a second")
    return {
        "backlog": began[1] - began[2],
        "in a second": round(into),
        "out a second": round(out),
        "times the input": round(out / into, 1) if into else 0,
        "caught up after s": round(now[0] - began[0], 1),
    }
