"""The interactions every contender works through: seeded, so the same seed and count give the same bytes anywhere."""

import asyncio
import json
import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from shared.contracts import Interaction

PARTITIONS = 6
CUSTOMERS = 20_000
SOURCE = "urn:shop"
PURCHASE = "customer.purchase"
COMPLAINT = "customer.complaint.opened"
COMPLAINTS_EVERY = 200  # of live interactions

_START = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=548)
_HEAVY_SHARE, _HEAVY_WEIGHT = 0.2, 0.8
_DUPLICATES = 0.01
_REPEATED_WITHIN = 5_000
_LATE_BY_HOURS = 6
_REQUEST = 100
_BATCH_BYTES = 900_000
_LIVE_SPAN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Message:
    """One record of the topic as ingest would write it."""

    key: bytes
    value: bytes
    partition: int


@dataclass(frozen=True, slots=True)
class Total:
    """What must be known of one customer at the end: interactions counted once each, what they spent, the last one."""

    interactions: int
    spend: Decimal
    last_at: datetime


def interactions(count: int, *, seed: int = 1) -> list[Message]:
    """`count` purchases in roughly time order over 18 months: 20 % of the customers make 80 %, 1 % are exact repeats.

    A repeat is the same bytes again, at most 5,000 records later, as a system that retries would send it.
    """
    draw = random.Random(seed)
    repeats = int(count * _DUPLICATES)
    messages = _purchases(count - repeats, draw)
    places: dict[int, list[Message]] = defaultdict(list)
    for original in draw.sample(range(len(messages)), repeats):
        places[min(original + draw.randint(1, _REPEATED_WITHIN), len(messages) - 1)].append(messages[original])
    return [message for n, first in enumerate(messages) for message in (first, *places[n])]


def _purchases(count: int, draw: random.Random) -> list[Message]:
    references = [f"shop:{n}" for n in range(1, CUSTOMERS + 1)]
    draw.shuffle(references)
    heavy = int(CUSTOMERS * _HEAVY_SHARE)
    weights = [_HEAVY_WEIGHT / heavy] * heavy + [(1 - _HEAVY_WEIGHT) / (CUSTOMERS - heavy)] * (CUSTOMERS - heavy)
    buyers = draw.choices(references, cum_weights=list(accumulate(weights)), k=count)
    partitions = {reference: partition_of(reference.encode()) for reference in references}
    encoder = msgspec.json.Encoder()
    messages, correlation = [], ""
    for n, reference in enumerate(buyers):
        if n % _REQUEST == 0:
            correlation = uuid.UUID(int=draw.getrandbits(128), version=4).hex
        late = timedelta(seconds=draw.randrange(_LATE_BY_HOURS * 3600))
        purchase = Interaction(
            specversion="1.0",
            id=f"order-{n + 1:08d}",
            source=SOURCE,
            type=PURCHASE,
            subject=reference,
            time=(_START + _SPAN * (n / count) - late).replace(microsecond=0),
            data={
                "amount": f"{max(draw.lognormvariate(3.3, 0.8), 0.01):.2f}",
                "currency": "USD",
                "quantity": draw.randint(1, 5),
            },
            correlationid=correlation,
        )
        messages.append(Message(reference.encode(), encoder.encode(purchase), partitions[reference]))
    return messages


def live(messages: Sequence[Message], now: datetime) -> list[Message]:
    """The same interactions as if the 18 months had been the day before `now`, and 1 in 200 a complaint."""
    decode, encode = msgspec.json.Decoder(Interaction).decode, msgspec.json.Encoder().encode
    moved = []
    for message in messages:
        event = decode(message.value)
        at = now + (event.time - _START - _SPAN) * (_LIVE_SPAN / _SPAN)
        changes: dict[str, Any] = {"time": at.replace(microsecond=0)}
        if int(event.id.rpartition("-")[2]) % COMPLAINTS_EVERY == 0:
            changes |= {"type": COMPLAINT, "data": {"case": event.id}}
        moved.append(Message(message.key, encode(msgspec.structs.replace(event, **changes)), message.partition))
    return moved


def partition_of(key: bytes, partitions: int = PARTITIONS) -> int:
    """Where every Kafka client puts a record with this key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def expected(messages: Iterable[Message]) -> dict[str, Total]:
    """The truth per reference, computed without any of our code: standard JSON, a set and exact decimals."""
    seen: set[tuple[str, str, str]] = set()
    totals: dict[str, Total] = {}
    for message in messages:
        event = json.loads(message.value)
        reference, at = event["subject"], datetime.fromisoformat(event["time"])
        identity = (reference, event["source"], event["id"])
        if identity in seen:
            continue
        seen.add(identity)
        amount, before = Decimal(event["data"].get("amount", 0)), totals.get(reference)
        if before is None:
            totals[reference] = Total(1, amount, at)
        else:
            totals[reference] = Total(before.interactions + 1, before.spend + amount, max(before.last_at, at))
    return totals


async def load(bootstrap: str, topic: str, messages: Sequence[Message]) -> None:
    """Append all messages to their partitions, acknowledged by all replicas; batches built here make it fast."""
    by_partition: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        by_partition[message.partition].append(message)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES
    )
    async with producer:
        await asyncio.gather(*(_append(producer, topic, part, rows) for part, rows in by_partition.items()))


async def _append(producer: AIOKafkaProducer, topic: str, partition: int, messages: list[Message]) -> None:
    batch = producer.create_batch()
    for message in messages:
        if batch.append(key=message.key, value=message.value, timestamp=None) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=message.key, value=message.value, timestamp=None)
    if batch.record_count():
        await (await producer.send_batch(batch, topic, partition=partition))
