"""What others write to Kafka is taken like what they send by HTTP, and what cannot be taken is set aside."""

import json
from collections import Counter
from typing import Any

import aiohttp
import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from services.ingest.app import build
from services.ingest.settings import Settings
from shared.application import Application
from shared.kafka.topics import INBOUND, INTERACTIONS
from tests.integration.ingest.outsider import (
    BAD,
    PATH,
    accepted,
    binary,
    event,
    in_quarantine,
    producer,
    structured,
    write,
    write_spoilt,
)
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.topics import read_all
from tests.support.waiting import eventually


async def test_bad_records_are_set_aside_and_their_good_neighbours_become_interactions(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    """Ten ways to be bad, in both modes, compressed or not; what is repaired enters, and nothing enters twice."""
    good = [(structured if number % 2 else binary)(event(f"e-{number}")) for number in range(20)]
    bad = [sent for sent, _ in BAD.values()]
    await write(lease, [one for pair in zip(good, bad * 2, strict=True) for one in pair][:30], compression_type="lz4")
    await write(lease, [good[19 - number] for number in range(5)], compression_type="gzip")

    async def settled() -> bool:
        return len(await in_quarantine(admin)) == 15 and len(await accepted(lease)) == 20

    await eventually(settled, what="15 in quarantine and 20 interactions")
    items = await in_quarantine(admin)
    codes = [code for _, code in BAD.values()]
    assert sorted(one["code"] for one in items) == sorted((codes * 2)[:15])
    assert await accepted(lease) == sorted(f"e-{number}" for number in range(20))
    found = dict(await read_all(lease, INTERACTIONS))["shop:4711"]
    assert (found.source, found.data) == ("till", {"amount": "29.33", "currency": "USD"})
    assert found.correlationid.startswith("inbound-")
    (nul,) = await in_quarantine(admin, code="nul")
    assert (nul["field"], nul["status"], nul["topic"]) == ("data.note", "open", f"{lease.prefix}{INBOUND.name}")
    whole = await (await admin.get(f"{PATH}/{nul['quarantine_id']}")).json()
    assert json.loads(whole["content"]["value"]["text"])["data"]["note"] == "a\0b"
    assert whole["content"]["headers"] == [{"name": "content-type", "value": {"text": "application/cloudevents+json"}}]


async def test_of_ten_thousand_records_the_good_ones_enter_and_the_bad_ones_after_repair(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    """9,900 interactions, 100 rows for 100 records bad in ten ways, of which 90 enter repaired."""
    bad = iter([sent for sent, _ in BAD.values()] * 10)
    sent = [next(bad) if number % 100 == 50 else structured(event(f"e-{number}")) for number in range(10_000)]
    await write(lease, sent)

    async def settled() -> bool:
        answer = await (await admin.get(PATH, params={"limit": 1, "total": "true"})).json()
        return bool(answer["total"] == 100 and len(await accepted(lease)) == 9_900)

    await eventually(settled, what="9,900 interactions and 100 rows in quarantine")
    items = await in_quarantine(admin)
    counted = Counter(one["code"] for one in items)
    assert counted == Counter(code for _, code in BAD.values() for _ in range(10))
    repairable = [one["quarantine_id"] for one in items if one["code"] != "empty"]
    for number, quarantine_id in enumerate(repairable):
        async with admin.post(f"{PATH}/{quarantine_id}/resubmit", json=event(f"repaired-{number}")) as answer:
            assert answer.status == 202
    assert len(set(await accepted(lease))) == 9_990
    assert len(await in_quarantine(admin, status="open")) == 10


async def test_a_header_whose_name_is_no_text_stops_nobody(lease: Lease, ingest: Application) -> None:
    """The record enters if it is good otherwise, and so does everything around it, on all partitions."""
    good = [structured(event(f"e-{number}")) for number in range(30)]
    value, headers = structured(event("spoilt"))
    await write(lease, good[:15])
    await write_spoilt(lease, (value, [*headers, ("trace-#X", b"1")]), spoil=b"#X")
    await write(lease, good[15:])

    async def all_there() -> bool:
        return await accepted(lease) == sorted(["spoilt", *(f"e-{number}" for number in range(30))])

    await eventually(all_there, what="31 interactions")


async def test_what_a_transaction_took_back_never_happened(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    """Neither as an interaction nor in quarantine; the marks that transactions leave in the log stop nothing."""
    name = INBOUND.prefixed(lease.prefix).name
    async with producer(lease, transactional_id=f"{lease.prefix}outsider") as one:
        for number in range(6):
            value, headers = structured(event(f"{'kept' if number % 2 else 'aborted'}-{number}"))
            await one.begin_transaction()
            await one.send_and_wait(name, value, headers=headers, partition=0)
            await one.send_and_wait(name, b"bad", partition=0)
            await (one.commit_transaction() if number % 2 else one.abort_transaction())
            if number == 3:

                async def two() -> bool:
                    return await accepted(lease) == ["kept-1", "kept-3"]

                await eventually(two, what="what was committed so far")

    async def three() -> bool:
        return await accepted(lease) == ["kept-1", "kept-3", "kept-5"] and len(await in_quarantine(admin)) == 3

    await eventually(three, what="what was committed")


async def test_what_retention_removed_unread_stops_nobody(lease: Lease) -> None:
    """Others choose what they write and the broker how long it keeps it: what is left is read."""
    told = await lease.settings("ingest")
    clock = ManualClock(day(10))
    name = INBOUND.prefixed(lease.prefix).name
    async with running(build(Settings(**told), clock=clock)):
        await write(lease, [structured(event("first"))], partition=0)

        async def first() -> bool:
            return await accepted(lease) == ["first"]

        await eventually(first, what="the first interaction")
    await write(lease, [structured(event("removed")), structured(event("left"))], partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=lease.kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before_offset=2)})
    await admin.close()
    async with running(build(Settings(**told), clock=clock)):

        async def left() -> bool:
            return "left" in await accepted(lease)

        await eventually(left, what="what is left")
    assert "removed" not in await accepted(lease)


async def test_a_record_read_again_is_set_aside_once_and_what_people_decided_stays(lease: Lease) -> None:
    """The process died before it had committed: everything is done again and nothing is there twice but the log."""
    told = await lease.settings("ingest")
    clock = ManualClock(day(10))
    async with running(build(Settings(**told), clock=clock)):
        await write(lease, [structured(event("good")), *(sent for sent, _ in BAD.values())])
        await eventually(lambda: _rows(told, 10), what="ten rows")
    connection = await asyncpg.connect(told["postgres_dsn"])
    await connection.execute("update quarantine set status = 'discarded', settled_by = 'ann' where code = 'nul'")
    before = await connection.fetch("select * from quarantine order by quarantine_id")
    await _forget_offsets(lease)
    async with running(build(Settings(**told), clock=clock)):

        async def again() -> bool:
            return await accepted(lease) == ["good", "good"]

        await eventually(again, what="the good one once more")
        await write(lease, [structured(event("later"))])

        async def later() -> bool:
            return "later" in await accepted(lease)

        await eventually(later, what="what comes after it")
    assert await connection.fetch("select * from quarantine order by quarantine_id") == before
    await connection.close()
    bodies = {msgspec.json.encode(one) for _, one in await read_all(lease, INTERACTIONS) if one.id == "good"}
    assert len(bodies) == 1


async def _rows(told: dict[str, Any], count: int) -> bool:
    connection = await asyncpg.connect(told["postgres_dsn"])
    try:
        return bool(await connection.fetchval("select count(*) = $1 from quarantine", count))
    finally:
        await connection.close()


async def _forget_offsets(lease: Lease) -> None:
    """Set the group back to the beginning, as if nothing had been published."""
    name = INBOUND.prefixed(lease.prefix).name
    consumer = AIOKafkaConsumer(
        bootstrap_servers=lease.kafka_bootstrap, group_id=f"{lease.prefix}ingest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(name, number) for number in range(INBOUND.partitions)]
        consumer.assign(partitions)
        await consumer.commit({one: OffsetAndMetadata(0, "") for one in partitions})
    finally:
        await consumer.stop()
