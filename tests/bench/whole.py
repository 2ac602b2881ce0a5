"""The whole system, from HTTP to alert: the same interactions posted to ingest, until all of them have been through."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
import psutil

from shared.clock import pause, real_now
from tests.bench.arena import Arena
from tests.bench.check import WrongResult, compare, read_store
from tests.bench.contenders import RESULTS
from tests.bench.flow import SQL, Flow, flow
from tests.bench.installation import Installation, installed
from tests.bench.measure import Meter
from tests.bench.race import ContenderFailed, Result
from tests.bench.storage import Stored, measure_storage
from tests.bench.workload import COMPLAINT, Message, expected

PER_REQUEST = 500
IN_FLIGHT = 6
ABSENCES, ABSENCE_DAYS, COMPLAINTS = "no-purchase-90d", 90, "complaint-opened"  # of deploy/config/rules.yaml

_POLL = 0.1
_STALLED_AFTER = 60.0

Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the system: CPU seconds during the run, peak resident memory in bytes."""

    name: str
    cpu: float
    peak_rss: int


@dataclass(frozen=True, slots=True)
class WholeResult:
    """The run as a contender's (published: alerts valid in the end), what each process used, and what was stored."""

    result: Result
    parts: Sequence[Part]
    stored: Stored


async def run_whole(arena: Arena, messages: Sequence[Message], *, name: str, floor: str, number: int) -> WholeResult:
    """Post everything, wait until it has become alerts, and check profiles and alerts against the truth.

    Raises ContenderFailed when it does not get there, WrongResult when it gets there with anything but the truth.
    """
    async with installed(arena, f"system{number}") as system, flow(system) as seen:
        services = {name: psutil.Process(process.pid) for name, process in system.processes.items()}
        meter = Meter(list(services.values()), arena.postgres(), arena.kafka())
        before, own = meter.cpu(), {name: _cpu(one) for name, one in services.items()}
        bodies = [body for body, _ in requests([_event(one.value) for one in messages], PER_REQUEST)]
        async with system.sending("all", bodies, in_flight=IN_FLIGHT) as sending:
            answers = await sending.finished()
        accepted = sum(answer.accepted for answer in answers)
        if accepted != len(messages):
            raise WrongResult(f"ingest accepted {accepted:,} of {len(messages):,} interactions")
        ended, memory = await _wait_through(system, seen, services)
        used = meter.cpu() - before
        parts = [Part(name, _cpu(one) - own[name], memory[name]) for name, one in services.items()]
        compare(
            "the store of profiles",
            await read_store(system.dsns["profiles"], RESULTS.list_profiles),
            expected(messages),
        )
        alerts = due_alerts(messages, real_now())
        await _check_alerts(system.dsns["alerts"], alerts)
        result = Result(
            name=name,
            floor=floor,
            interactions=len(messages),
            seconds=ended - min(answer.sent for answer in answers),
            cpu=used,
            peak_rss=sum(memory.values()),
            published=len(alerts),
        )
        return WholeResult(result, [*parts, Part("sender", sending.cpu, 0)], await measure_storage(system))


async def _wait_through(
    system: Installation, seen: Flow, services: Mapping[str, psutil.Process]
) -> tuple[float, dict[str, int]]:
    """When nothing was left to do, and the peak memory of each service."""
    memory = dict.fromkeys(services, 0)
    moved, left = perf_counter(), await seen.left()
    while left:
        system.check_alive()
        if perf_counter() - moved > _STALLED_AFTER:
            raise ContenderFailed(f"nothing has moved for {_STALLED_AFTER:.0f} s: {left}; logs in {system.folder}")
        memory = {name: max(memory[name], one.memory_info().rss) for name, one in services.items()}
        await pause(_POLL)
        if (now := await seen.left()) != left:
            moved, left = perf_counter(), now
    return moved, memory


def requests(events: Sequence[Mapping[str, Any]], size: int) -> Iterable[tuple[bytes, Sequence[Mapping[str, Any]]]]:
    """Bodies of up to `size` events each, and what is in them."""
    for start in range(0, len(events), size):
        chosen = events[start : start + size]
        yield msgspec.json.encode(chosen), chosen


def _event(value: bytes) -> dict[str, Any]:
    """An interaction as an emitter sends it: what ingest adds is left out."""
    event: dict[str, Any] = msgspec.json.decode(value)
    return {name: event[name] for name in ("specversion", "id", "source", "type", "subject", "time", "data")}


def due_alerts(messages: Iterable[Message], now: datetime) -> dict[tuple[str, str, str], Span]:
    """The alerts there must be, by rule, reference and id of the interaction each began at.

    Complaints, and stretches of more than 90 days without a purchase up to `now`: by brute force over everything,
    without any of our code.
    """
    due: dict[tuple[str, str, str], Span] = {}
    purchases: dict[str, set[tuple[datetime, str]]] = defaultdict(set)
    for message in messages:
        event = msgspec.json.decode(message.value)
        reference, name, at = event["subject"], event["id"], datetime.fromisoformat(event["time"])
        if event["type"] == COMPLAINT:
            due[COMPLAINTS, reference, name] = at, None
        else:
            purchases[reference].add((at, name))
    longest = timedelta(days=ABSENCE_DAYS)
    for reference, bought in purchases.items():
        ordered = sorted(bought)
        ends = [*(at for at, _ in ordered[1:]), None]
        for (at, name), until in zip(ordered, ends, strict=True):
            if (until or now) - at > longest:
                due[ABSENCES, reference, name] = at + longest, until
    return due


async def _check_alerts(dsn: str, due: Mapping[tuple[str, str, str], Span]) -> None:
    """Raises WrongResult unless the alerts of these rules are exactly those that are due."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(SQL.list_alerts, [ABSENCES, COMPLAINTS])
    finally:
        await connection.close()
    found = {(row["rule_id"], row["reference"], row["id"]): (row["fired_at"], row["resolved_at"]) for row in rows}
    if wrong := [key for key in due.keys() | found.keys() if due.get(key) != found.get(key)]:
        first = min(wrong)
        raise WrongResult(
            f"{len(wrong):,} of {len(due):,} alerts are wrong, {len(found):,} are stored"
            f" ({first}: {found.get(first)} instead of {due.get(first)})"
        )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
