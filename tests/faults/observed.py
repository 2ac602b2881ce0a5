"""What there is after a fault: stores read by SQL, topics with the client library, the mailbox, the metrics."""

import email
import re
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.mailbox import DELIVERIES
from shared.postgres import load_queries
from tests.faults.expected import Identity
from tests.support.snapshots import Kept, read_snapshots

_QUERIES = load_queries(Path(__file__).parent / "sql" / "observe.sql")
TOPICS = {"profiles": "profiles.v1", "scoring": "scores.v1", "alerts": "alerts.v1", "notify": "notifications.v1"}
PARTITIONS = 6
# Reader and writer, of snapshots.
READS = (
    ("scoring", "profiles"),
    ("alerts", "profiles"),
    ("alerts", "scoring"),
    ("notify", "profiles"),
    ("notify", "alerts"),
)
Read = dict[tuple[str, str], dict[str, int]]
_METRIC = re.compile(r"^ebbtide_records_(read|handled|dropped)_total\{(.*)\} (\S+)$", re.MULTILINE)
_SPOOLED = re.compile(r"^ebbtide_interactions_spooled_total (\S+)$", re.MULTILINE)
_IN_HAND = re.compile(r"^ebbtide_records_in_flight\{.*\} (\S+)$", re.MULTILINE)
_TOPIC = re.compile(r'topic="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at everything, at rest.

    `read`: by reader and writer, which version of each entity of the writer is in the reader's store. `mails`: how
    often the mail of a notification arrived. `flows`: service and topic to (records read, records accounted for).
    """

    identities: frozenset[Identity]
    stores: Mapping[str, Mapping[str, Kept]]
    read: Mapping[tuple[str, str], Mapping[str, int]]
    last_records: Mapping[str, Mapping[str, bytes | None]]
    mails: Mapping[str, int]
    flows: Mapping[tuple[str, str], tuple[float, float]]
    _data: dict[str, dict[str, dict[str, Any]]] = field(init=False, default_factory=dict)

    def data(self, service: str) -> Mapping[str, dict[str, Any]]:
        """Entity id to the entity, as the store holds it. Decoded once: there are many."""
        if service not in self._data:
            decode = msgspec.json.decode
            kept = self.stores[service].items()
            self._data[service] = {key: decode(one.snapshot)["data"] for key, one in kept if one.snapshot}
        return self._data[service]

    def published(self, service: str) -> dict[str, dict[str, Any]]:
        """Entity id to the entity, as the last record of its key has it."""
        store, data = self.stores[service], self.data(service)
        return {
            key: data[key] if key in store and store[key].snapshot == value else msgspec.json.decode(value)["data"]
            for key, value in self.last_records[service].items()
            if value
        }


class Observer:
    """Looks everywhere, again and again; of topics and mails it reads what has come since its last look."""

    def __init__(self, dsns: Mapping[str, str], bootstrap: str, *, mailbox: Path, urls: Mapping[str, str]) -> None:
        self._dsns = dsns
        self._bootstrap = bootstrap
        self._mailbox = mailbox
        self._urls = urls
        self._mails: dict[str, str] = {}
        self._last: dict[str, dict[str, bytes | None]] = {service: {} for service in TOPICS}
        self._positions: dict[TopicPartition, int] = {}

    async def look(self) -> Observed:
        """Everything, once more if a topic went on meanwhile, since time alone changes things too: nothing else may."""
        await self._read_topics()
        identities, stores, read = await self._read_stores()
        while await self._read_topics():
            identities, stores, read = await self._read_stores()
        return Observed(
            identities=identities,
            stores=stores,
            read=read,
            last_records=self._last,
            mails=self._count_mails(),
            flows={key: flow for name, url in self._urls.items() for key, flow in _flows(name, url).items()},
        )

    def _count_mails(self) -> dict[str, int]:
        for path in self._mailbox.glob("*.eml"):
            if path.stem not in self._mails:
                self._mails[path.stem] = _message_id(path)
        deliveries = Counter((self._mailbox / DELIVERIES).read_text(encoding="ascii").split())
        return {message_id: deliveries[mail_id] for mail_id, message_id in self._mails.items()}

    async def _read_stores(self) -> tuple[frozenset[Identity], dict[str, dict[str, Kept]], Read]:
        identities: frozenset[Identity] = frozenset()
        stores: dict[str, dict[str, Kept]] = {}
        read: Read = {pair: {} for pair in READS}
        for service in TOPICS:
            connection = await asyncpg.connect(self._dsns[service])
            try:
                stores[service] = await read_snapshots(connection, service)
                if service == "profiles":
                    identities = frozenset(tuple(row) for row in await connection.fetch(_QUERIES.identities))
                else:
                    for writer, entity, version in await connection.fetch(getattr(_QUERIES, f"read_by_{service}")):
                        read[service, writer][entity] = version
            finally:
                await connection.close()
        return identities, stores, read

    async def _read_topics(self) -> int:
        """What somebody who reads the topics from their start ends up with. Returns how many records were new."""
        count = 0
        services = {topic: service for service, topic in TOPICS.items()}
        partitions = [TopicPartition(topic, number) for topic in services for number in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap.split(","), enable_auto_commit=False, fetch_max_bytes=16_000_000
        )
        await consumer.start()
        try:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            for one, begin in (await consumer.beginning_offsets(partitions)).items():
                consumer.seek(one, self._positions.get(one, begin))
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                for one, records in (await consumer.getmany(timeout_ms=100)).items():
                    count += len(records)
                    last = self._last[services[one.topic]]
                    last.update((record.key.decode(), record.value) for record in records)
            self._positions = ends
            return count
        finally:
            await consumer.stop()


async def observe(dsns: Mapping[str, str], bootstrap: str, *, mailbox: Path, urls: Mapping[str, str]) -> Observed:
    """One look, from the beginning."""
    return await Observer(dsns, bootstrap, mailbox=mailbox, urls=urls).look()


async def read_seen(dsns: Mapping[str, str], references: Collection[str], *, sent: bool) -> bool:
    """Whether all of these have a record and a score, and somebody was told about each, or without `sent` is to be."""
    connections = {name: await asyncpg.connect(dsns[name], timeout=3) for name in ("profiles", "scoring", "notify")}
    try:
        rows = await connections["profiles"].fetch(_QUERIES.known, list(references))
        customers = {row["customer_id"] for row in rows}
        scored = await connections["scoring"].fetchval(_QUERIES.scored, list(customers))
        told = await connections["notify"].fetchval(_QUERIES.told, list(customers), sent)
        return bool(len(rows) == len(references) and scored == told == len(customers))
    finally:
        for connection in connections.values():
            await connection.close(timeout=3)


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


def _message_id(path: Path) -> str:
    """The notification that a mail is about."""
    return str(email.message_from_bytes(path.read_bytes())["Message-ID"]).strip("<>").partition("@")[0]


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
