"""From accepted to visible: a steady stream of interactions, some of which open an alert at once.

Measured is, for each complaint: from the sender having read the 202 for it, to a plain consumer having read the alert's
snapshot from alerts.v1. The snapshot leaves when its row is committed, so GET /v1/alerts shows it earlier rather
than later; every 20th is asked for by its id there when it is read, and has to be there.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from time import perf_counter
from typing import Any

import aiohttp
import msgspec
import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from shared.clock import pause, real_now
from shared.kafka.topics import ALERTS
from tests.bench.arena import Arena
from tests.bench.check import WrongResult
from tests.bench.flow import flow
from tests.bench.installation import Installation, installed
from tests.bench.measure import Cpu, Meter
from tests.bench.race import ContenderFailed
from tests.bench.sender import Answer
from tests.bench.whole import requests
from tests.bench.workload import COMPLAINT, CUSTOMERS, PARTITIONS, PURCHASE, SOURCE

PER_REQUEST = 10
WARM_UP_SECONDS = 5
SECONDS = 30
COMPLAINTS_EVERY = 50
CHECK_EVERY = 20

_IN_FLIGHT = 500
_KNOWN_SINCE = timedelta(hours=1)
_WITHIN = timedelta(minutes=2)
_ALERTED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from accepted to alert visible, of `alerts` alerts; `checked` of them were asked for over HTTP.

    `cpu`: CPU seconds of services, PostgreSQL and Kafka while so many `interactions` were sent.
    """

    per_second: int
    interactions: int
    cpu: Cpu
    alerts: int
    checked: int
    p50: float
    p95: float
    p99: float
    longest: float


class _Anchor(msgspec.Struct):
    id: str


class _Evidence(msgspec.Struct):
    anchor: _Anchor


class _Alert(msgspec.Struct):
    alert_id: str
    evidence: _Evidence


class _Snapshot(msgspec.Struct):
    data: _Alert


@dataclass(slots=True)
class _Seen:
    """When each alert was first read, by the id of its complaint."""

    at: dict[str, float] = field(default_factory=dict)
    checked: int = 0
    invisible: list[str] = field(default_factory=list)


async def measure_latency(arena: Arena, *, per_second: int, seed: int, number: int) -> Latency:
    """Run the stream on a fresh system that knows every customer. Raises ContenderFailed and WrongResult."""
    async with installed(arena, f"latency{number}") as system:
        now = real_now()
        known = [
            body
            for body, _ in requests([_purchase(n, f"first-{n}", now - _KNOWN_SINCE) for n in range(CUSTOMERS)], 500)
        ]
        async with system.sending("known", known, in_flight=4) as sending:
            await sending.finished()
        await _settled(system)
        events = _steady(real_now() - _WITHIN, per_second, seed)
        bodies = [body for body, _ in requests(events, PER_REQUEST)]
        seen = _Seen()
        processes = [psutil.Process(one.pid) for one in system.processes.values()]
        meter = Meter(processes, arena.postgres(), arena.kafka())
        async with _topic_end(system) as consumer:
            before = meter.cpu()
            watching = asyncio.create_task(_watch(system, consumer, seen))
            interval = PER_REQUEST / per_second
            async with system.sending("steady", bodies, in_flight=_IN_FLIGHT, interval=interval) as sending:
                answers = await sending.finished()
            await _alerted(system, events, seen, watching)
            cpu = meter.cpu() - before
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return _figures(events, answers, seen, per_second=per_second, cpu=cpu)


def _steady(start: datetime, per_second: int, seed: int) -> list[dict[str, Any]]:
    """Purchases over all customers, 1 in 50 a complaint, evenly spread."""
    draw = random.Random(seed)
    step = timedelta(seconds=1) / per_second
    events = []
    for n in range((WARM_UP_SECONDS + SECONDS) * per_second):
        event = _purchase(draw.randrange(CUSTOMERS), f"steady-{n}", start + n * step)
        if n % COMPLAINTS_EVERY == 0:
            event |= {"type": COMPLAINT, "data": {"case": event["id"]}}
        events.append(event)
    return events


def _purchase(customer: int, name: str, at: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": PURCHASE,
        "subject": f"shop:{customer + 1}",
        "time": at,
        "data": {"amount": "29.90", "currency": "USD"},
    }


async def _settled(system: Installation) -> None:
    async with flow(system) as seen:
        while await seen.left():
            system.check_alive()
            await pause(0.1)


def _topic_end(system: Installation) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=system.arena.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="latest",
        fetch_max_wait_ms=50,
    )


async def _watch(system: Installation, consumer: AIOKafkaConsumer, seen: _Seen) -> None:
    """Note every alert as it comes; for ever."""
    consumer.assign([TopicPartition(system.prefix + ALERTS.name, number) for number in range(PARTITIONS)])
    decode = msgspec.json.Decoder(_Snapshot).decode
    headers = {"Authorization": f"Bearer {system.key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            for records in (await consumer.getmany(timeout_ms=50)).values():
                arrived = perf_counter()
                for record in records:
                    alert = decode(record.value).data
                    seen.at.setdefault(alert.evidence.anchor.id, arrived)
                    if len(seen.at) % CHECK_EVERY == 0:
                        await _check_visible(session, f"{system.urls['alerts']}/v1/alerts/{alert.alert_id}", seen)


async def _check_visible(session: aiohttp.ClientSession, url: str, seen: _Seen) -> None:
    async with session.get(url) as response:
        seen.checked += 1
        if response.status != 200:
            seen.invisible.append(f"{url} answered {response.status}")


async def _alerted(
    system: Installation, events: list[dict[str, Any]], seen: _Seen, watching: "asyncio.Task[None]"
) -> None:
    due = {event["id"] for event in events if event["type"] == COMPLAINT}
    begun = perf_counter()
    while missing := due - seen.at.keys():
        system.check_alive()
        if watching.done():
            watching.result()
        if perf_counter() - begun > _ALERTED_WITHIN:
            raise ContenderFailed(
                f"{len(missing)} of {len(due)} complaints have raised no alert; logs in {system.folder}"
            )
        await pause(0.1)


def _figures(events: list[dict[str, Any]], answers: list[Answer], seen: _Seen, *, per_second: int, cpu: Cpu) -> Latency:
    if seen.invisible:
        raise WrongResult(f"published but not visible: {seen.invisible[0]} and {len(seen.invisible) - 1} more")
    taken = sorted(
        seen.at[event["id"]] - answers[n // PER_REQUEST].answered
        for n, event in enumerate(events)
        if event["type"] == COMPLAINT and n >= WARM_UP_SECONDS * per_second
    )
    parts = quantiles(taken, n=100, method="inclusive")
    return Latency(
        per_second,
        len(events),
        cpu,
        len(taken),
        seen.checked,
        parts[49],
        parts[94],
        parts[98],
        taken[-1],
    )
