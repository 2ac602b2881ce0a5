"""A system that writes to the inbound topic as it likes, and what became of it."""

import json
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from services.ingest.handlers.decoding import MAX_EVENT_BYTES
from shared.kafka.topics import INBOUND, INTERACTIONS
from tests.support.stack import Lease
from tests.support.topics import read_all

Sent = tuple[bytes | None, list[tuple[str, bytes]]]

PATH = "/v1/quarantine"


def event(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "till",
        "type": "customer.purchase",
        "subject": "shop:4711",
        "time": "2026-01-02T10:00:00Z",
        "data": {"amount": "29.33", "currency": "USD"},
    } | changes


def structured(one: Any) -> Sent:
    return json.dumps(one).encode(), [("content-type", b"application/cloudevents+json")]


def binary(one: dict[str, Any]) -> Sent:
    headers = [(f"ce_{name}", text.encode()) for name, text in one.items() if name != "data"]
    return json.dumps(one["data"]).encode(), [*headers, ("content-type", b"application/json")]


# Ten ways to be bad; each with the code it is refused with, and whether a repaired event can stand for it.
BAD: dict[str, tuple[Sent, str]] = {
    "not JSON": ((b'{"specversion": "1.0"', []), "not_json"),
    "empty": ((None, []), "empty"),
    "no headers": ((json.dumps(event("x")["data"]).encode(), []), "missing"),
    "too large": (structured(event("x", data={"note": "x" * MAX_EVENT_BYTES})), "too_large"),
    "too deep": ((b"[" * 3000 + b"]" * 3000, []), "too_deep"),
    "bad field": (binary(event("x", time="yesterday")), "value"),
    "future": (structured(event("x", time="2030-01-01T00:00:00Z")), "future"),
    "NUL": (structured(event("x", data={"amount": "1", "currency": "USD", "note": "a\0b"})), "nul"),
    "wrong shape": (structured([event("x")]), "type"),
    "no namespace": (structured(event("x", subject="4711")), "reference"),
}


@asynccontextmanager
async def producer(lease: Lease, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    one = AIOKafkaProducer(bootstrap_servers=lease.kafka_bootstrap, **options)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def write(lease: Lease, records: Sequence[Sent], *, partition: int | None = None, **options: Any) -> None:
    """As an outsider does: keys of its own or none, on whatever partition unless one is named."""
    async with producer(lease, **options) as one:
        name = INBOUND.prefixed(lease.prefix).name
        for number, (value, headers) in enumerate(records):
            key = b"k%d" % number if number % 2 or value is None else None
            await one.send(name, value, headers=headers, key=key, partition=partition)
        await one.flush()


async def write_spoilt(lease: Lease, sent: Sent, *, spoil: bytes) -> None:
    """A record in whose bytes `spoil` becomes 0xFF, as a client in another language can write it."""
    value, headers = sent
    async with producer(lease) as one:
        batch = one.create_batch()
        batch.append(key=None, value=value, timestamp=None, headers=headers)
        batch.close()
        made = bytearray(batch._build()).replace(spoil, b"\xff" * len(spoil))
        struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
        batch._buffer = bytes(made)
        await (await one.send_batch(batch, INBOUND.prefixed(lease.prefix).name, partition=0))


async def accepted(lease: Lease) -> list[str]:
    return sorted(interaction.id for _, interaction in await read_all(lease, INTERACTIONS))


async def in_quarantine(admin: aiohttp.ClientSession, **filters: Any) -> list[dict[str, Any]]:
    """Every item, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await (await admin.get(PATH, params={"limit": 3, **filters, **cursor})).json()
        items += answer["items"]
        if answer["next_cursor"] is None:
            return items
        cursor = {"cursor": answer["next_cursor"]}
