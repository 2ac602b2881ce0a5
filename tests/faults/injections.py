"""The faults of processes. Each strikes once; whatever supervises the system is left alone to mend it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from deploy.health import ask_ready
from deploy.stack.embedded import EmbeddedStack
from shared.clock import pause
from shared.postgres import load_queries
from tests.faults.observed import read_spooled
from tests.faults.rig import Rig
from tests.support.at_rest import CONSUMES

QUERIES = load_queries(Path(__file__).parent / "sql" / "injections.sql")
# What a service may take to end when it is asked to.
DRAIN_SECONDS = 25.0
_START_SECONDS = 60.0


class BrokenError(Exception):
    """Something that must hold while a fault lasts did not; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` returns when the fault has struck, or, if it lasts, when it is over: then recovery begins.

    It may return figures by name, for the table. Raises BrokenError, when the fault is over.
    """

    name: str
    strike: Callable[[Rig], Awaitable[Mapping[str, float] | None]]


def kill(*services: str) -> Fault:
    """SIGKILL of these processes at the same moment."""

    async def strike(rig: Rig) -> None:
        for pid in [rig.pid(service) for service in services]:
            os.kill(pid, signal.SIGKILL)

    return Fault(f"kill -9 {'all five' if len(services) == len(CONSUMES) else ', '.join(services)}", strike)


def kill_loop(service: str, *, seconds: float) -> Fault:
    """SIGKILL again and again, every 0.5 to 2 s, whether it has come up by then or not."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        killed = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            process = rig.process(service)
            if process is not None:
                process.kill()
                killed += 1
            await pause(rig.chance.uniform(0.5, 2))
        return {"killed": killed}

    return Fault(f"kill -9 {service} in a loop, {seconds:g} s", strike)


def freeze(service: str, *, seconds: float) -> Fault:
    """The process stands still for longer than its group or its lease allows, and goes on as if nothing had been."""

    async def strike(rig: Rig) -> None:
        await _frozen(rig.pid(service), seconds)

    return Fault(f"SIGSTOP {service} {seconds:g} s", strike)


def freeze_kafka(*, seconds: float) -> Fault:
    """A broker that takes connections and says nothing; what is sent to ingest is accepted all the same."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        before = rig.truth.lines
        await _frozen(rig.pid("kafka"), seconds)
        accepted = rig.truth.lines - before
        if not accepted and seconds >= DRAIN_SECONDS:
            raise BrokenError(f"nothing was accepted in {seconds:g} s without a broker")
        return {"accepted meanwhile": accepted}

    return Fault(f"SIGSTOP Kafka {seconds:g} s", strike)


async def _frozen(pid: int, seconds: float) -> None:
    process = psutil.Process(pid)
    process.suspend()
    try:
        await pause(seconds)
    finally:
        process.resume()


async def _roll(rig: Rig) -> Mapping[str, float]:
    """SIGTERM one after the other, each when the one before is ready again."""
    slowest = 0.0
    for service in CONSUMES:
        heard, began = len(rig.said), time.monotonic()
        os.kill(rig.pid(service), signal.SIGTERM)
        ending = await _said(rig, f"{service} ended with exit code", heard, DRAIN_SECONDS)
        slowest = max(slowest, time.monotonic() - began)
        if ending != f"{service} ended with exit code 0":
            raise BrokenError(f"{service}: {ending or f'not ended after {DRAIN_SECONDS:g} s'}")
        await _said(rig, f"{service} runs again", heard, _START_SECONDS)
        while await asyncio.to_thread(ask_ready, rig.services[service]) and time.monotonic() < began + _START_SECONDS:
            await pause(0.1)
    return {"slowest to end s": round(slowest, 1)}


async def _said(rig: Rig, beginning: str, heard: int, patience: float) -> str:
    """What the supervisor said that begins like this; empty when it said nothing of the kind in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for sentence in rig.said[heard:]:
            if sentence.startswith(beginning):
                return sentence.partition(";")[0]
        await pause(0.05)
    return ""


async def _stop_postgres(rig: Rig) -> None:
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    await asyncio.to_thread(stack.postgres.stop_immediate)


def terminate_backends(*, seconds: float) -> Fault:
    """An administrator ends every session of the services, again and again."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        ended = 0
        admin = await asyncpg.connect(rig.system.stack.admin_dsn, timeout=10)
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                ended += await admin.fetchval(QUERIES.terminate_backends)
                await pause(rig.chance.uniform(0.3, 1))
        finally:
            await admin.close(timeout=5)
        return {"sessions ended": ended}

    return Fault(f"pg_terminate_backend in a loop, {seconds:g} s", strike)


async def _kill_kafka(rig: Rig) -> None:
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    url = rig.services["ingest"]
    spooled = await asyncio.to_thread(read_spooled, url)
    await asyncio.to_thread(stack.kafka.kill)
    while await asyncio.to_thread(read_spooled, url) == spooled:  # ingest must go on accepting
        await pause(0.1)


POSTGRES = Fault("PostgreSQL -m immediate", _stop_postgres)
KAFKA = Fault("Kafka SIGKILL", _kill_kafka)
ROLLING_RESTART = Fault("SIGTERM one after the other", _roll)
