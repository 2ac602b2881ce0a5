"""The floor: what a competent engineer writes by hand in an afternoon, in batches, one step after the other.

At least once, like ours, but without dead letters, progress or spells: a record it cannot read stops it.
Environment: KAFKA_BOOTSTRAP, BENCH_DSN, BENCH_TOPIC, BENCH_GROUP, BENCH_OUTPUT, BENCH_BATCH. Ends with SIGTERM.
"""

import asyncio
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from shared.postgres import load_queries

SQL = Path(__file__).parent / "sql" / "baseline.sql"


class Purchase(msgspec.Struct, gc=False):
    """The part of `data` that counts."""

    amount: Decimal
    currency: str


class Event(msgspec.Struct, gc=False):
    """The part of an interaction that is stored."""

    subject: str
    source: str
    id: str
    type: str
    time: datetime
    data: Purchase


class Customer(msgspec.Struct, gc=False):
    """One output record: the whole current state of a customer."""

    reference: str
    interactions: int
    spend: Decimal
    last_at: datetime


class Baseline:
    """Read, decode, insert, aggregate, publish, commit."""

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer, output: str
    ) -> None:
        self.connection, self.producer, self.output = connection, producer, output
        self.sql = load_queries(SQL)
        self.decode = msgspec.json.Decoder(Event).decode
        self.encode = msgspec.json.Encoder().encode

    async def handle(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        """One batch: when this returns it is stored and published."""
        events = [self.decode(record.value) for record in records if record.value]
        async with self.connection.transaction():
            customers = await self.store(events)
        sent = [
            await self.producer.send(self.output, key=row["reference"].encode(), value=self.encode(Customer(*row)))
            for row in customers
        ]
        await asyncio.gather(*sent)

    async def store(self, events: list[Event]) -> list[asyncpg.Record]:
        """Insert what is new, add it up, and give back every touched customer."""
        new = await self.connection.fetch(
            self.sql.append_interactions,
            [event.subject for event in events],
            [event.source for event in events],
            [event.id for event in events],
            [event.type for event in events],
            [event.time for event in events],
            [event.data.amount for event in events],
            [event.data.currency for event in events],
        )
        counts = {event.subject: 0 for event in events}
        spends = dict.fromkeys(counts, Decimal(0))
        lasts = dict.fromkeys(counts, datetime(1970, 1, 1, tzinfo=UTC))
        for reference, amount, at in new:
            counts[reference] += 1
            spends[reference] += amount
            lasts[reference] = max(lasts[reference], at)
        keys = sorted(counts)
        customers: list[asyncpg.Record] = await self.connection.fetch(
            self.sql.upsert_customers,
            keys,
            [counts[k] for k in keys],
            [spends[k] for k in keys],
            [lasts[k] for k in keys],
        )
        return customers


async def main(environment: dict[str, str]) -> None:
    """Work until stopped."""
    bootstrap, batch = environment["KAFKA_BOOTSTRAP"], int(environment["BENCH_BATCH"])
    connection = await asyncpg.connect(environment["BENCH_DSN"])
    await connection.execute(load_queries(SQL).create_tables)
    consumer = AIOKafkaConsumer(
        environment["BENCH_TOPIC"],
        bootstrap_servers=bootstrap,
        group_id=environment["BENCH_GROUP"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    async with producer, consumer:
        baseline = Baseline(connection, producer, environment["BENCH_OUTPUT"])
        while True:
            fetched = await consumer.getmany(timeout_ms=200, max_records=batch)
            if records := [record for part in fetched.values() for record in part]:
                await baseline.handle(records)
                await consumer.commit()


if __name__ == "__main__":
    uvloop.run(main(dict(os.environ)))
