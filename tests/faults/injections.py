"""The faults. Each strikes once; whatever supervises the system is left alone to mend it."""

import asyncio
import os
import signal
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.stack.embedded import EmbeddedStack
from shared.clock import pause
from tests.faults.observed import count_flows, read_spooled
from tests.faults.rig import Rig
from tests.support.at_rest import CONSUMES

# Longer than a member of a group may be silent.
FROZEN_SECONDS = 12.0
REPLICA_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` returns when the fault has struck, or, if it lasts, when it is over: then recovery begins."""

    name: str
    strike: Callable[[Rig], Awaitable[None]]


def kill(*services: str) -> Fault:
    """SIGKILL of these processes at the same moment."""

    async def strike(rig: Rig) -> None:
        for pid in [rig.pid(service) for service in services]:
            os.kill(pid, signal.SIGKILL)

    return Fault(f"kill -9 {'all five' if len(services) == len(CONSUMES) else ', '.join(services)}", strike)


def freeze(service: str) -> Fault:
    """The process stands still for longer than its group allows, and goes on as if nothing had been."""

    async def strike(rig: Rig) -> None:
        pid = rig.pid(service)
        os.kill(pid, signal.SIGSTOP)
        try:
            await pause(FROZEN_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)

    return Fault(f"SIGSTOP {service} {FROZEN_SECONDS:g} s", strike)


async def _stop_postgres(rig: Rig) -> None:
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    await asyncio.to_thread(stack.postgres.stop_immediate)


async def _kill_kafka(rig: Rig) -> None:
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    url = rig.services["ingest"]
    spooled = await asyncio.to_thread(read_spooled, url)
    await asyncio.to_thread(stack.kafka.kill)
    while await asyncio.to_thread(read_spooled, url) == spooled:  # ingest must go on accepting
        await pause(0.1)


async def _two_replicas(rig: Rig) -> None:
    """A second profiles takes over some partitions, then is killed: links of one customer are on both sides."""
    replica = rig.replica("profiles")
    try:
        port = replica.command.env["EBBTIDE_HTTP_PORT"] if replica.command.env else ""
        while not await asyncio.to_thread(_has_read, f"http://127.0.0.1:{port}"):
            await pause(0.2)
        await pause(REPLICA_SECONDS)
    finally:
        await asyncio.to_thread(replica.kill)


def _has_read(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
            return any(read for read, _ in count_flows("profiles", answer.read().decode()).values())
    except OSError:
        return False


POSTGRES = Fault("PostgreSQL -m immediate", _stop_postgres)
KAFKA = Fault("Kafka SIGKILL", _kill_kafka)
REPLICAS = Fault("two replicas of profiles, one killed", _two_replicas)
EVERY = (
    *(kill(service) for service in CONSUMES),
    kill(*CONSUMES),
    POSTGRES,
    KAFKA,
    freeze("profiles"),
    freeze("alerts"),
    REPLICAS,
)
QUICK = (kill(*CONSUMES), POSTGRES, KAFKA)
