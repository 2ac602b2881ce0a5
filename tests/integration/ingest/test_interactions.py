"""What ingest has accepted lies in interactions.v1; what it could not deliver it did not accept."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from services.ingest.app import build
from services.ingest.handlers.principals import Granted, revoke_key
from services.ingest.settings import Settings
from services.ingest.store import IngestStore
from shared.application import Application
from shared.kafka.topics import INTERACTIONS
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.topics import read_all
from tests.support.waiting import eventually

PATH = "/v1/interactions"


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "type": "customer.purchase",
        "subject": f"{number % 7}",
        "time": "2026-01-02T10:00:00Z",
        "data": {"amount": "29.33", "currency": "USD"},
    } | changes


async def test_accepted_interactions_lie_in_the_topic_keyed_by_reference(
    lease: Lease, caller: aiohttp.ClientSession
) -> None:
    events = [event(number) for number in range(50)]
    events[7]["time"] = "tomorrow"
    async with caller.post(PATH, json=events, headers={"X-Correlation-ID": "correlate-1"}) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["X-Correlation-ID"]) == (202, "correlate-1")
    assert body["accepted"] == 49
    assert [(one["index"], one["id"], one["field"]) for one in body["refused"]] == [(7, "e-7", "time")]
    records = await read_all(lease, INTERACTIONS)
    assert {interaction.id for _, interaction in records} == {one["id"] for one in events} - {"e-7"}
    assert all(key == interaction.subject for key, interaction in records)
    assert {interaction.source for _, interaction in records} == {"webshop"}
    assert {interaction.correlationid for _, interaction in records} == {"correlate-1"}


async def test_personal_data_is_nowhere_but_in_pii(lease: Lease, caller: aiohttp.ClientSession) -> None:
    canary = "canary@example.com"
    one = event(1, subject=canary, data={"order": canary, "note": canary, canary: 1})
    async with caller.post(PATH, json=one) as answer:
        assert answer.status == 202
    ((key, interaction),) = await read_all(lease, INTERACTIONS)
    assert canary not in key + json.dumps(interaction.data) + interaction.subject + interaction.id
    assert interaction.pii.value == {"references": {key: canary}, "order": canary, "note": canary, canary: 1}


async def test_many_callers_at_once_lose_nothing(lease: Lease, caller: aiohttp.ClientSession) -> None:
    async def post(first: int) -> int:
        async with caller.post(PATH, json=[event(first + number) for number in range(5)]) as answer:
            assert answer.status == 202
            return int((await answer.json())["accepted"])

    assert sum(await asyncio.gather(*(post(start) for start in range(0, 1000, 5)))) == 1000
    assert {interaction.id for _, interaction in await read_all(lease, INTERACTIONS)} == {
        f"e-{number}" for number in range(1000)
    }


async def test_revoked_key_dies_and_the_probes_stay_open(
    ingest: Application, shop: Granted, caller: aiohttp.ClientSession
) -> None:
    async with ingest.database.transaction() as connection:
        await revoke_key(IngestStore(connection), shop.key.key_id)

    async def refused() -> bool:
        async with caller.post(PATH, json=event(1)) as answer:
            return answer.status == 401

    await eventually(refused, what="401 for the revoked key", seconds=5)
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"):
        async with caller.get(path) as answer:
            assert answer.status == 200, path


@asynccontextmanager
async def hasty_caller(lease: Lease, shop: Granted, **more: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """Calls an ingest that takes every broker for silent."""
    settings = Settings(**await lease.settings("ingest", acknowledge_seconds=0.0001, **more))
    async with running(build(settings, clock=ManualClock(day(10)))) as hasty:

        async def known() -> bool:
            return hasty.directory.find(shop.key.secret) is not None

        await eventually(known, what="the key in the other process")
        base = f"http://127.0.0.1:{hasty.server.port}"
        async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {shop.key.secret}"}) as session:
            yield session


async def test_what_the_broker_does_not_acknowledge_in_time_is_accepted_and_reaches_the_topic(
    lease: Lease, shop: Granted
) -> None:
    """From the spool; the acknowledgement that came too late may make it a duplicate."""
    async with hasty_caller(lease, shop) as caller, caller.post(PATH, json=[event(1), event(2)]) as answer:
        assert (answer.status, await answer.json()) == (202, {"accepted": 2, "refused": []})

        async def arrived() -> bool:
            return {found.id for _, found in await read_all(lease, INTERACTIONS)} == {"e-1", "e-2"}

        await eventually(arrived, what="both events on the topic")


async def test_without_room_in_the_spool_it_is_503(lease: Lease, shop: Granted) -> None:
    async with hasty_caller(lease, shop, spool_limit=0) as caller, caller.post(PATH, json=event(1)) as answer:
        body = await answer.json()
        assert (answer.status, body["code"], answer.headers["Retry-After"]) == (503, "not_acknowledged", "1")
