"""How late what time brings is: a million customers, of whom many begin to lapse within the same minute.

Measured is, for each of them: from the instant at which the lifecycle changes to a plain consumer having read the
changed snapshot from profiles.v1.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import asyncpg
import psutil
import yaml
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from deploy.environment import service_url
from deploy.health import ask_ready
from deploy.stack.ports import free_port
from services.profiles.codec import CustomerCodec
from services.profiles.domain.policy import Policy, parse_policy
from services.profiles.domain.profiles import recompute
from shared.clock import RealClock, pause, real_now
from shared.contracts import Interaction, Snapshot
from shared.ids import customer_id_of
from shared.kafka.connection import KafkaConnection
from shared.kafka.offsets import Offsets
from shared.kafka.publisher import Publisher
from shared.kafka.topics import INTERACTIONS, PROFILES, SETTLED
from shared.pipeline.settling import Marks, Source
from shared.postgres import load_queries
from tests.bench.arena import Arena
from tests.bench.measure import Meter
from tests.bench.race import ContenderFailed, running
from tests.bench.workload import PARTITIONS, PURCHASE, SOURCE

POLICY = Path("deploy/config/policy.yaml")
WITHIN_SECONDS = 60

_SQL = load_queries(Path(__file__).parent / "sql" / "lateness.sql")
_COLUMNS = ("customer_id", "version", "membership_version", "next_transition_at", "snapshot")
_ROWS_AT_ONCE = 20_000
# Until the first is due: the last of them are stored, and the service has started.
_LEAD_SECONDS = 20
_READY_WITHIN = 60.0
_ALL_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds from due to published, of `due` customers among `customers`; seconds to start; what it cost."""

    customers: int
    due: int
    within_seconds: int
    p50: float
    p99: float
    longest: float
    start_seconds: float
    peak_rss: int
    cpu: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who is there: the first `due` of them change within a minute from `begin` on, the others much later."""

    customers: int
    due: int
    begin: datetime
    policy: Policy

    def due_at(self, number: int) -> datetime:
        return self.begin + timedelta(seconds=WITHIN_SECONDS) * number / self.due

    def rows(self, numbers: range) -> Iterator[tuple[str, int, int, datetime | None, bytes]]:
        """As the service itself would have stored them after their one purchase."""
        encode = CustomerCodec().encode
        for number in numbers:
            lasting = timedelta(days=1 + number % 20)
            at = self.due_at(number) - self.policy.lapsing_after if number < self.due else self.begin - lasting
            reference = f"shop:{number}"
            bought = Interaction(
                specversion="1.0",
                id=f"first-{number}",
                source=SOURCE,
                type=PURCHASE,
                subject=reference,
                time=at,
                data={"amount": "29.90", "currency": "USD"},
            )
            customer_id = customer_id_of(reference)
            customer = recompute(customer_id, [reference], [bought], self.policy, self.begin - timedelta(hours=1))
            snapshot = Snapshot(
                id=f"{customer_id}:1",
                source="ebbtide/profiles",
                type="ebbtide.profile",
                subject=customer_id,
                time=at,
                version=1,
                data=customer,
            )
            yield customer_id, 1, 0, customer.next_transition_at, encode(snapshot)


async def measure_lateness(arena: Arena, *, customers: int, number: int) -> Lateness:
    """Fill the store of one profiles service, start it, and watch a tenth of the customers begin to lapse.

    Raises ContenderFailed when it does not get there.
    """
    prefix, policy = f"lateness{number}.", parse_policy(yaml.safe_load(POLICY.read_text(encoding="utf-8")))
    due = customers // 10
    async with arena.database(f"bench_lateness{number}") as dsn:
        async with _service(arena, dsn, prefix):
            pass  # it has made its tables and topics
        far = real_now() + timedelta(days=1)
        await _fill(dsn, _Plan(customers, due, far, policy), range(due, customers))
        # Stored at this pace, those that are due will be there in time.
        lead = timedelta(seconds=_LEAD_SECONDS + due / 5_000)
        plan = _Plan(customers, due, real_now() + lead, policy)
        await _fill(dsn, plan, range(due))
        async with _topic_end(arena, prefix) as consumer, _service(arena, dsn, prefix) as (process, start_seconds):
            if real_now() > plan.begin:
                raise ContenderFailed("this machine stores customers too slowly to measure")
            meter = Meter([process], arena.postgres(), arena.kafka())
            before = meter.cpu()
            marking = asyncio.create_task(_mark(arena, prefix))
            try:
                late = sorted(await _watch(consumer, plan, meter))
            finally:
                marking.cancel()
                with suppress(asyncio.CancelledError):
                    await marking
            cpu = (meter.cpu() - before).contender
    parts = quantiles(late, n=100, method="inclusive")
    return Lateness(customers, due, WITHIN_SECONDS, parts[49], parts[98], late[-1], start_seconds, meter.peak_rss, cpu)


async def _fill(dsn: str, plan: _Plan, numbers: range) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for start in range(numbers.start, numbers.stop, _ROWS_AT_ONCE):
            part = range(start, min(start + _ROWS_AT_ONCE, numbers.stop))
            await connection.copy_records_to_table("customers", records=plan.rows(part), columns=_COLUMNS)
            references = ((f"shop:{number}", customer_id_of(f"shop:{number}")) for number in part)
            await connection.copy_records_to_table("customer_references", records=references)
        await connection.execute(_SQL.analyze)
    finally:
        await connection.close()


@asynccontextmanager
async def _service(arena: Arena, dsn: str, prefix: str) -> AsyncIterator[tuple[psutil.Process, float]]:
    """The service, ready, and how many seconds that took."""
    port = free_port()
    environment = {
        "KAFKA_BOOTSTRAP": arena.bootstrap,
        "KAFKA_TOPIC_PREFIX": prefix,
        "EBBTIDE_POSTGRES_DSN": dsn,
        "EBBTIDE_HTTP_PORT": str(port),
        "EBBTIDE_SECRET": secrets.token_urlsafe(32),
        "EBBTIDE_POLICY": str(POLICY),
        "EBBTIDE_LOG_LEVEL": "WARNING",
    }
    log = arena.logs / f"{prefix}log"
    begun = perf_counter()
    with running((sys.executable, "-m", "services.profiles"), environment, log) as process:
        while await asyncio.to_thread(ask_ready, service_url(port)):
            if process.exit_code() is not None or perf_counter() - begun > _READY_WITHIN:
                raise ContenderFailed(f"profiles was not ready within {_READY_WITHIN:.0f} s; its log is {log}")
            await pause(0.05)
        yield psutil.Process(process.pid), perf_counter() - begun


async def _mark(arena: Arena, prefix: str) -> None:
    """In place of ingest: nothing is under way, so everything is settled as soon as it is past. For ever."""
    connection = KafkaConnection(bootstrap=arena.bootstrap, client_id="bench")
    offsets, publisher = Offsets(connection), Publisher(connection)

    async def complete() -> bool:
        return True

    topic, settled = INTERACTIONS.prefixed(prefix), SETTLED.prefixed(prefix)
    try:
        await Source(Marks(topic, settled=settled, offsets=offsets, sender=publisher), RealClock(), complete).run()
    finally:
        await publisher.stop()
        await offsets.close()


@asynccontextmanager
async def _topic_end(arena: Arena, prefix: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with AIOKafkaConsumer(bootstrap_servers=arena.bootstrap, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(prefix + PROFILES.name, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        yield consumer


async def _watch(consumer: AIOKafkaConsumer, plan: _Plan, meter: Meter) -> list[float]:
    """The lateness of everybody due, in seconds."""
    due = {customer_id_of(f"shop:{number}").encode(): plan.due_at(number) for number in range(plan.due)}
    late: list[float] = []
    polls = 0
    while due:
        found = await consumer.getmany(timeout_ms=100)
        now = real_now()
        for records in found.values():
            changed = (due.pop(record.key, None) for record in records)
            late.extend((now - at).total_seconds() for at in changed if at)
        polls += 1
        if polls % 20 == 0:
            meter.watch_memory()
        if (now - plan.begin).total_seconds() > WITHIN_SECONDS + _ALL_WITHIN:
            raise ContenderFailed(f"{len(due):,} of {plan.due:,} customers have not begun to lapse")
    return late
