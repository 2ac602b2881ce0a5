"""The framework as its tutorial shows it: one message at a time, a pydantic argument, a pool, a publish per message.

Acknowledged by hand after the publish, so that it loses nothing either.
Environment: KAFKA_BOOTSTRAP, BENCH_DSN, BENCH_TOPIC, BENCH_GROUP, BENCH_OUTPUT. Ends with SIGTERM.
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel

from shared.postgres import Queries, load_queries


class Purchase(BaseModel):
    """The part of `data` that counts."""

    amount: Decimal
    currency: str
    quantity: int


class Event(BaseModel):
    """One interaction."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Purchase
    correlationid: str = ""


class Customer(BaseModel):
    """The current state of a customer."""

    reference: str
    interactions: int = 0
    spend: Decimal = Decimal(0)
    last_at: datetime


def tutorial(environment: Mapping[str, str]) -> FastStream:
    """The application with its one subscriber."""
    sql = load_queries(Path(__file__).parent / "sql" / "tutorial.sql")
    broker = KafkaBroker(environment["KAFKA_BOOTSTRAP"], acks="all", enable_idempotence=True, log_level=logging.DEBUG)
    pool = asyncpg.create_pool(environment["BENCH_DSN"], min_size=1, max_size=10)

    @broker.subscriber(
        environment["BENCH_TOPIC"],
        group_id=environment["BENCH_GROUP"],
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
    )
    async def on_interaction(event: Event, message: KafkaMessage) -> None:
        async with pool.acquire() as connection, connection.transaction():
            customer = await count(connection, sql, event)
        await broker.publish(customer, topic=environment["BENCH_OUTPUT"], key=customer.reference.encode())
        await message.ack()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with pool:
            await pool.execute(sql.create_tables)
            yield

    return FastStream(broker, lifespan=lifespan)


async def count(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", sql: Queries, event: Event) -> Customer:
    """Store the event once and answer with its customer."""
    new = await connection.fetchval(
        sql.append_interaction,
        event.subject,
        event.source,
        event.id,
        event.type,
        event.time,
        event.data.amount,
        event.data.currency,
    )
    row = await connection.fetchrow(sql.get_customer, event.subject)
    customer = Customer(reference=event.subject, **(row or {"last_at": event.time}))
    if new:
        customer.interactions += 1
        customer.spend += event.data.amount
        customer.last_at = max(customer.last_at, event.time)
        statement = sql.update_customer if row else sql.append_customer
        await connection.execute(statement, event.subject, customer.interactions, customer.spend, customer.last_at)
    return customer


async def main() -> None:
    """Work until stopped."""
    await tutorial(os.environ).run()


if __name__ == "__main__":
    uvloop.run(main())
