"""Who takes part: how each is started, which group shows its progress, and how its results are read."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from shared.contracts import Profile, Snapshot
from shared.kafka.topics import PROFILES
from shared.postgres import load_queries
from tests.bench.workload import Total

STREAMS = "Kafka Streams"
RESULTS = load_queries(Path(__file__).parent / "sql" / "results.sql")


class Customer(msgspec.Struct):
    """An output record of the baseline and the tutorial."""

    reference: str
    interactions: int
    spend: Decimal
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A program that turns a topic of interactions into customers in a database and records on an output topic.

    In `environment`, {bootstrap} {dsn} {topic} {group} {output} {port} {state} are filled in for each run; `state` is
    an empty directory. `totals` is a statement that lists (reference, interactions, spend, last_at) of its store, none
    when it has no database; `published` reads the same from one record of its output, or None when the record is about
    something else. `replicas`: so many processes share the work, and a run begins when all of them have some.
    Without `group` or `output` each run gets fresh ones; those that a program has fixed are named here.
    `small`: too slow for the whole topic, runs on the smaller one. `floor` names the baseline it is compared with,
    the one that reads as many records at a time; a baseline is its own.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    totals: str | None
    published: Callable[[bytes], tuple[str, Total] | None]
    replicas: int = 1
    group: str = ""
    output: str = ""
    small: bool = False
    floor: str


_OURS = {
    "KAFKA_BOOTSTRAP": "{bootstrap}",
    "BENCH_DSN": "{dsn}",
    "BENCH_TOPIC": "{topic}",
    "BENCH_GROUP": "{group}",
    "BENCH_OUTPUT": "{output}",
}


def _floor(batch: int) -> str:
    return f"baseline {batch:,}"


def _customer(value: bytes) -> tuple[str, Total]:
    customer = msgspec.json.decode(value, type=Customer)
    return customer.reference, Total(customer.interactions, customer.spend, customer.last_at)


def baseline(batch: int) -> Contender:
    """The hand-written floor, reading up to `batch` records at a time."""
    return Contender(
        name=_floor(batch),
        floor=_floor(batch),
        argv=(sys.executable, "-m", "tests.bench.baseline"),
        environment={**_OURS, "BENCH_BATCH": str(batch)},
        totals=RESULTS.list_customers,
        published=_customer,
    )


def _profile(value: bytes) -> tuple[str, Total] | None:
    profile = msgspec.json.decode(value, type=Snapshot[Profile]).data
    if profile.status != "active" or profile.watermark is None:
        return None
    aggregates = profile.aggregates
    return profile.references[0], Total(
        aggregates.interactions, Decimal(aggregates.spend["USD"]), profile.watermark.time
    )


def profiles(batch: int, replicas: int = 1) -> Contender:
    """Our service, with all that it does."""
    return Contender(
        name=f"profiles {batch:,}" + (f" x {replicas}" if replicas > 1 else ""),
        replicas=replicas,
        floor=_floor(batch),
        argv=(sys.executable, "-m", "services.profiles"),
        environment={
            "KAFKA_BOOTSTRAP": "{bootstrap}",
            "EBBTIDE_POSTGRES_DSN": "{dsn}",
            "EBBTIDE_HTTP_PORT": "{port}",
            "EBBTIDE_SECRET": secrets.token_urlsafe(32),
            "EBBTIDE_POLICY": "deploy/config/policy.yaml",
            "EBBTIDE_MAX_BATCH_RECORDS": str(batch),
        },
        totals=RESULTS.list_profiles,
        published=_profile,
        group="profiles",
        output=PROFILES.name,
    )


def tutorial(batch: int) -> Contender:
    """The framework's tutorial shape: one message at a time, compared with the baseline that reads `batch`."""
    return Contender(
        name="tutorial",
        floor=_floor(batch),
        argv=(sys.executable, "-m", "tests.bench.tutorial"),
        environment=_OURS,
        totals=RESULTS.list_customers,
        published=_customer,
        small=True,
    )


def streams(argv: tuple[str, ...], batch: int) -> Contender:
    """The peer: Kafka Streams with exactly-once processing and its state in RocksDB, on a thread for each core."""
    return Contender(
        name=STREAMS,
        floor=_floor(batch),
        argv=argv,
        environment={**_OURS, "BENCH_STATE": "{state}", "BENCH_THREADS": str(os.cpu_count())},
        totals=None,
        published=_customer,
    )
