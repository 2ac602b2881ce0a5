"""What there is after a fault: stores read by SQL, topics with the client library, the mailbox, the metrics."""

import email
import re
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.postgres import load_queries
from tests.faults.expected import Identity
from tests.support.snapshots import Kept, read_snapshots

_QUERIES = load_queries(Path(__file__).parent / "sql" / "observe.sql")
TOPICS = {"profiles": "profiles.v1", "scoring": "scores.v1", "alerts": "alerts.v1", "notify": "notifications.v1"}
PARTITIONS = 6
_METRIC = re.compile(r"^ebbtide_records_(read|handled|dropped)_total\{(.*)\} (\S+)$", re.MULTILINE)
_SPOOLED = re.compile(r"^ebbtide_interactions_spooled_total (\S+)$", re.MULTILINE)
_IN_HAND = re.compile(r"^ebbtide_records_in_flight\{.*\} (\S+)$", re.MULTILINE)
_TOPIC = re.compile(r'topic="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at everything, at rest. `flows`: service and topic to (records read, records accounted for)."""

    identities: frozenset[Identity]
    stores: Mapping[str, Mapping[str, Kept]]
    last_records: Mapping[str, Mapping[str, bytes | None]]
    mails: frozenset[str]
    flows: Mapping[tuple[str, str], tuple[float, float]]

    def data(self, service: str) -> dict[str, dict[str, Any]]:
        """Entity id to the entity, as the store holds it."""
        decode = msgspec.json.decode
        return {key: decode(one.snapshot)["data"] for key, one in self.stores[service].items() if one.snapshot}


async def observe(dsns: Mapping[str, str], bootstrap: str, *, mailbox: Path, urls: Mapping[str, str]) -> Observed:
    """Look everywhere. Nothing may be under way."""
    stores: dict[str, Mapping[str, Kept]] = {}
    identities: frozenset[Identity] = frozenset()
    for service in TOPICS:
        connection = await asyncpg.connect(dsns[service])
        try:
            stores[service] = await read_snapshots(connection, service)
            if service == "profiles":
                identities = frozenset(tuple(row) for row in await connection.fetch(_QUERIES.identities))
        finally:
            await connection.close()
    return Observed(
        identities=identities,
        stores=stores,
        last_records={service: await _last_records(bootstrap, topic) for service, topic in TOPICS.items()},
        mails=frozenset(_message_ids(mailbox)),
        flows={key: flow for name, url in urls.items() for key, flow in _flows(name, url).items()},
    )


def read_in_hand(url: str) -> float:
    """Records that a service has read and not yet published, as it says itself; 1 when it does not answer."""
    try:
        with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
            return sum(float(value) for value in _IN_HAND.findall(answer.read().decode()))
    except OSError:
        return 1


def read_spooled(url: str) -> float:
    """Interactions that ingest has ever stored because Kafka did not take them."""
    with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
        return sum(float(value) for value in _SPOOLED.findall(answer.read().decode()))


async def _last_records(bootstrap: str, topic: str) -> dict[str, bytes | None]:
    """What somebody who reads the topic from its start ends up with."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_bytes=16_000_000)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        last: dict[str, bytes | None] = {}
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                last.update((record.key.decode(), record.value) for record in records)
        return last
    finally:
        await consumer.stop()


def _message_ids(directory: Path) -> list[str]:
    """The notification each mail in the mailbox is about."""
    return [
        str(email.message_from_bytes(path.read_bytes())["Message-ID"]).strip("<>").partition("@")[0]
        for path in directory.glob("*.eml")
    ]


def _flows(service: str, url: str) -> dict[tuple[str, str], tuple[float, float]]:
    with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:
        return count_flows(service, answer.read().decode())


def count_flows(service: str, metrics: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Records read, and records handled or dropped, by topic, in this life of the process."""
    read: dict[str, float] = defaultdict(float)
    done: dict[str, float] = defaultdict(float)
    for kind, labels, value in _METRIC.findall(metrics):
        found = _TOPIC.search(labels)
        topic = found[1] if found else "?"
        (read if kind == "read" else done)[topic] += float(value)
    return {(service, topic): (read[topic], done[topic]) for topic in read.keys() | done.keys()}
