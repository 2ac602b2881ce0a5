"""`ebbtide dead-letters`, as an operator types it, on what a running profiles set aside."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.stack.databases import SERVICES
from services.profiles import app as profiles
from services.profiles.settings import Settings
from shared.clock import real_now
from shared.errors import DeadReason
from shared.ids import customer_id_of
from shared.kafka.publisher import partition_of
from shared.kafka.topics import INTERACTIONS, PROFILES
from shared.pipeline import PipelineStore
from shared.pipeline.records import DeadLetter
from shared.postgres import Database
from tests.integration.deploy.operator import Operator, operator_of
from tests.support.builders import interaction, record
from tests.support.stack import ROOT, Lease, running
from tests.support.topics import publish, read_all
from tests.support.waiting import eventually

HEADERS = [("content-type", b"application/json"), ("null", None), ("bytes", b"\xff\xfe")]


@pytest.fixture
async def dsns(lease: Lease) -> dict[str, str]:
    """A database for each service."""
    return {service: await lease.dsn(service) for service in SERVICES}


@pytest.fixture
async def operator(lease: Lease, dsns: dict[str, str]) -> AsyncIterator[Operator]:
    """While profiles runs."""
    told = await lease.settings("profiles", postgres_dsn=dsns["profiles"])
    async with running(profiles.build(Settings(**told, policy=ROOT / "deploy" / "config" / "policy.yaml"))):
        yield operator_of(lease, dsns)


async def set_aside(dsn: str, topic: str, key: bytes | None, value: bytes | None, *, offset: int = 10_000) -> None:
    """A dead letter as a pipeline stores it, for instance one of a release that did not understand the record."""
    letter = DeadLetter(
        partition=0,
        offset=offset,
        fingerprint=0xFEED,
        key=key,
        value=value,
        headers=msgspec.msgpack.encode(HEADERS),
        recorded_at=real_now(),
        reason=DeadReason.WRONG_SHAPE,
        detail="of another release",
    )
    async with Database(dsn, application="tests") as database, database.transaction() as connection:
        await PipelineStore(connection).append_dead_letters(topic, [letter])


async def headers_on(lease: Lease, partition: int) -> list[tuple[str, bytes | None]]:
    """Of the first record of a partition of interactions.v1."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=lease.kafka_bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(lease.prefix + INTERACTIONS.name, partition)])
        return [(name, value) for name, value in (await consumer.getone()).headers]
    finally:
        await consumer.stop()


async def listed(operator: Operator, *filters: str) -> list[dict[str, Any]]:
    code, found, said = await operator.run("dead-letters", "list", "--json", *filters)
    assert code == 0, said
    items: list[dict[str, Any]] = found["items"]
    return items


async def test_poison_is_listed_shown_comes_back_when_replayed_and_is_dropped(lease: Lease, operator: Operator) -> None:
    await publish(lease, INTERACTIONS, [(b"shop:1", b'{"id": "poi\xffson"'), record(interaction(subject="shop:1"))])

    async def set_aside_one() -> list[dict[str, Any]]:
        return await listed(operator)

    (letter,) = await eventually(set_aside_one, what="the dead letter")
    assert (letter["service"], letter["topic"]) == ("profiles", lease.prefix + "interactions.v1")
    assert (letter["reason"], letter["attempts"], letter["key"]) == ("undecodable", 1, "shop:1")
    code, shown, _ = await operator.run("dead-letters", "show", letter["id"], "--json")
    assert (code, base64.b64decode(shown["value_base64"])) == (0, b'{"id": "poi\xffson"')
    code, text, _ = await operator.run("dead-letters", "show", letter["id"])
    assert (code, '{"id": "poi\\xffson"' in text) == (0, True)
    code, replayed, said = await operator.run("dead-letters", "replay", letter["id"], "--json")
    assert (code, replayed["items"][0]["how"]) == (0, "sent_again"), said

    async def another() -> list[dict[str, Any]]:
        return [one for one in await listed(operator) if one["id"] != letter["id"]]

    (again,) = await eventually(another, what="the same record, dead again")
    assert again["offset"] > letter["offset"]
    code, _, said = await operator.run("dead-letters", "drop", "--all")
    assert (code, said) == (1, "ebbtide: Nobody is there to ask: say --yes.\n")
    assert len(await listed(operator)) == 1
    code, text, _ = await operator.run("dead-letters", "drop", "--all", "--service", "profiles", "--yes")
    assert (code, text) == (0, "1 dropped\n")
    assert await listed(operator) == []


async def test_an_interaction_is_replayed_byte_for_byte_and_counts(
    lease: Lease, dsns: dict[str, str], operator: Operator
) -> None:
    one = interaction(subject="shop:2", id="late")
    await set_aside(dsns["profiles"], lease.prefix + "interactions.v1", *record(one))
    assert [letter["reason"] for letter in await listed(operator, "--reason", "wrong_shape")] == ["wrong_shape"]
    assert await listed(operator, "--reason", "nul") == []
    code, done, said = await operator.run("dead-letters", "replay", "--all", "--json")
    assert (code, done["kept"]) == (0, 0), said
    assert await listed(operator) == []

    async def counted() -> bool:
        found = [
            value for _, value in await read_all(lease, PROFILES) if value and value.subject == customer_id_of("shop:2")
        ]
        return bool(found) and found[-1].data.aggregates.purchases == 1

    await eventually(counted, what="the purchase in the profile")
    assert [value.id for _, value in await read_all(lease, INTERACTIONS)] == ["late"]
    assert await headers_on(lease, partition_of(b"shop:2", INTERACTIONS.partitions)) == HEADERS


async def test_a_snapshot_is_replayed_as_what_its_owner_holds_now(
    lease: Lease, dsns: dict[str, str], operator: Operator
) -> None:
    await publish(lease, INTERACTIONS, [record(interaction(subject="shop:3"))])
    customer = customer_id_of("shop:3")

    async def snapshots() -> list[Any]:
        return [value for _, value in await read_all(lease, PROFILES) if value.subject == customer]

    (current,) = await eventually(snapshots, what="the profile")
    old = msgspec.structs.replace(current, version=1, id=f"{customer}:1")
    await set_aside(dsns["scoring"], lease.prefix + "profiles.v1", *record(old))
    code, done, said = await operator.run("dead-letters", "replay", "--all", "--json")
    assert (code, done["items"][0]["how"]) == (0, "owed"), said

    async def published_again() -> bool:
        return len(await snapshots()) == 2

    await eventually(published_again, what="the current profile, once more")
    assert {one.version for one in await snapshots()} == {current.version}
    assert await listed(operator) == []


UNFIT = [
    ("profiles.v1", b"shop:9", b"{}", "holds nothing under its key: drop it"),
    ("profiles.v1", customer_id_of("shop:9").encode(), b"{}", "holds nothing under its key: drop it"),
    ("interactions.v1", None, b"{}", "a record without a key or without a value can never be handled: drop it"),
    ("interactions.v1", b"shop:9", None, "a record without a key or without a value can never be handled: drop it"),
    ("forgotten.v1", b"shop:9", b"{}", "is KAFKA_TOPIC_PREFIX set as it was?"),
]


async def test_what_cannot_be_replayed_is_kept_and_said(lease: Lease, dsns: dict[str, str]) -> None:
    for offset, (topic, key, value, _) in enumerate(UNFIT):
        await set_aside(dsns["scoring"], lease.prefix + topic, key, value, offset=offset)
    operator = operator_of(lease, dsns)
    code, done, _ = await operator.run("dead-letters", "replay", "--all", "--json")
    assert (code, done["kept"]) == (1, len(UNFIT))
    details = {int(one["id"].split("/")[3]): one["detail"] for one in done["items"]}
    for offset, (_, _, _, sentence) in enumerate(UNFIT):
        assert details[offset].endswith(sentence)
    assert len(await listed(operator)) == len(UNFIT)


async def test_what_is_asked_for_wrongly_is_refused_in_a_sentence(lease: Lease, dsns: dict[str, str]) -> None:
    operator = operator_of(lease, dsns)
    for arguments, sentence in (
        (("replay",), "Name dead letters by the ids that `list` shows, or take --all"),
        (("drop", "x", "--all", "--yes"), "Name dead letters by the ids that `list` shows, or take --all"),
        (("show", "profiles/3"), "'profiles/3' names no dead letter"),
        (("show", "profiles/x/1/2/ff"), "There is no dead letter profiles/x/1/2/000000ff"),
        (("show", "sales/x/1/2/ff"), "There is no service sales"),
    ):
        code, _, said = await operator.run("dead-letters", *arguments)
        assert code == 1
        assert said.startswith(f"ebbtide: {sentence}"), said
        assert said.count("\n") == 1
