"""The faults of lines: between the services and their databases, and between them and the broker."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import psutil

from deploy.health import ask_alive
from shared.clock import pause
from tests.faults.injections import BrokenError, Fault
from tests.faults.lines import being
from tests.faults.rig import Rig
from tests.support.proxies import BLACK_HOLE, UNANSWERED, UNHEARD, Condition

# One in three answers to a COMMIT: the others let a service get on.
_COMMIT_LOSS = 0.33
_DELAY_MS = (50, 200)
# Who has nothing to do when nothing can be read.
_CONSUMERS = ("profiles", "scoring", "alerts", "notify")
_MOST_CPU_PERCENT = 20.0
# How long the last things that had been read may still be worked on.
_SETTLING_SECONDS = 3.0
_THROUGH_SECONDS = 60.0


def lose_commits(service: str, *, seconds: float) -> Fault:
    """The database commits, and the answer is lost with its connection: nobody knows whether it has.

    Ingest commits only while it has to keep what Kafka does not take, so its line to Kafka is silent meanwhile.
    """

    async def strike(rig: Rig) -> Mapping[str, float]:
        database, broker = rig.lines.databases[service], rig.lines.brokers[service]
        before = database.lost_commits
        silent = [broker] if service == "ingest" else []
        with being([database], Condition(commit_loss=_COMMIT_LOSS)), being(silent, BLACK_HOLE):
            await pause(seconds)
        lost = database.lost_commits - before
        if not lost:
            raise BrokenError("the fault did not strike: no answer to a COMMIT was lost")
        return {"answers lost": lost}

    return Fault(f"lost COMMIT answers of {service}, {seconds:g} s", strike)


def reset_storm(*, seconds: float) -> Fault:
    """Every connection to databases and broker is reset, again and again."""

    async def strike(rig: Rig) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in rig.lines.all():
                line.reset()
            await pause(rig.chance.uniform(0.3, 1))

    return Fault(f"every connection reset in a loop, {seconds:g} s", strike)


def delay(*, seconds: float) -> Fault:
    """Everything takes 50 to 200 ms longer each way, and still goes through."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        with being(rig.lines.all(), Condition(delay_ms=_DELAY_MS)):
            began = time.monotonic()
            canaries = await rig.canaries()
            # Mail is another matter: each claim takes a dozen round trips, and the load wants more of them than that.
            took = await rig.wait_seen(canaries, since=began, patience=_THROUGH_SECONDS, sent=False)
            await pause(max(0.0, seconds - took))
        if took > _THROUGH_SECONDS:
            raise BrokenError(f"nothing went through in {_THROUGH_SECONDS:g} s")
        return {"through in s": round(took, 1)}

    return Fault(f"50 to 200 ms on every line, {seconds:g} s", strike)


def silent_database(*, seconds: float) -> Fault:
    """PostgreSQL says nothing more on any connection, and nobody is told why: a firewall that forgot them."""

    async def strike(rig: Rig) -> None:
        with being(list(rig.lines.databases.values()), BLACK_HOLE):
            await pause(seconds)
            answers = await asyncio.gather(*(asyncio.to_thread(ask_alive, url) for url in rig.services.values()))
        if dead := [name for name, alive in zip(rig.services, answers, strict=True) if not alive]:
            raise BrokenError(f"after {seconds:g} s without a database these did not answer /livez: {', '.join(dead)}")

    return Fault(f"PostgreSQL black hole, {seconds:g} s", strike)


def half_open(name: str, condition: Condition, *, seconds: float) -> Fault:
    """One way to Kafka is cut for everybody. Whoever has nothing to do meanwhile does nothing."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        with being(list(rig.lines.brokers.values()), condition):
            await pause(_SETTLING_SECONDS)
            busiest, percent = await _busiest(rig, _CONSUMERS, seconds=seconds - _SETTLING_SECONDS)
        if percent > _MOST_CPU_PERCENT:
            raise BrokenError(f"{busiest} spins: {percent:.0f} % of a core, and it can read nothing")
        return {"busiest % of a core": round(percent, 1)}

    return Fault(f"{name}, {seconds:g} s", strike)


def unheard_by_kafka(*, seconds: float) -> Fault:
    """Kafka gets nothing any more."""
    return half_open("Kafka hears nothing", UNHEARD, seconds=seconds)


def unanswered_by_kafka(*, seconds: float) -> Fault:
    """Kafka gets everything, and its answers are lost."""
    return half_open("Kafka's answers lost", UNANSWERED, seconds=seconds)


async def _busiest(rig: Rig, services: Sequence[str], *, seconds: float) -> tuple[str, float]:
    """Who of those that live through it used most of a core, and how many percent."""
    began = time.monotonic()
    processes = {service: found for service in services if (found := rig.process(service)) is not None}
    before = {service: _used(process) for service, process in processes.items()}
    await pause(seconds)
    passed = time.monotonic() - began
    shares = {
        service: 100 * (now - before[service]) / passed
        for service, process in processes.items()
        if (now := _used(process)) >= before[service]
    }
    return max(shares.items(), key=lambda one: one[1], default=("nobody", 0.0))


def _used(process: psutil.Process) -> float:
    """Seconds of a core, so far; less than any before when it has ended."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return -1.0
    return float(times.user + times.system)
