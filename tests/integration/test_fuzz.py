"""No input makes a service fail, and every answer is one that its OpenAPI document announces.

`EBBTIDE_FUZZ_EXAMPLES=500 EBBTIDE_FUZZ_SEED=7 pytest -s tests/integration/test_fuzz.py` tries more, and other inputs.
"""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fastapi import APIRouter, Response

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from services.notify.domain.unsubscribe import token_for
from shared.access import Directory
from shared.http import ApiError
from shared.http.app import create_app
from shared.http.server import HttpServer
from tests.integration.ingest.outsider import write
from tests.support.builders import day
from tests.support.documents import SERVICES
from tests.support.fuzzing import EXAMPLES, Report, fuzz
from tests.support.stack import SECRET, Lease
from tests.support.waiting import eventually
from tests.support.world import World, open_world

pytestmark = [
    pytest.mark.timeout(120 + 20 * EXAMPLES),
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]


@pytest.fixture(scope="module")
async def world(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[World]:
    """All five services, with something to be found in each of them."""
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(91)) as world:
            await _live(world)
            yield world
    finally:
        await lease.drop()


async def _live(world: World) -> None:
    """Two customers bought once and long ago, one complained. Somebody wrote nonsense to the inbound topic."""
    bought = {"specversion": "1.0", "type": "customer.purchase", "data": {"amount": "9.50", "currency": "USD"}}
    complained = {"specversion": "1.0", "type": "customer.complaint.opened", "data": {"case": "c-1"}}
    at = day(0).isoformat()
    await world.post([{**bought, "id": f"order-{n}", "subject": f"shop:{n}", "time": at} for n in range(2)])
    await world.post([{**complained, "id": "case-1", "subject": "shop:1", "time": at}])
    await write(world.lease, [(b"{", []), (b"\xff", [("bytes", b"\xff")])] * 20)

    async def there() -> bool:
        wanted = (("ingest", "/v1/quarantine", 40), ("alerts", "/v1/alerts", 3), ("notify", "/v1/notifications", 3))
        return all([len((await world.get(service, path))["items"]) >= count for service, path, count in wanted])

    await eventually(there, what="forty records in quarantine, three alerts and their notifications")


async def known_to(world: World) -> dict[str, str]:
    """Ids that lead to something."""
    (customer,) = (await world.get("profiles", "/v1/customers", reference="shop:1"))["items"]
    found = {
        "customer_id": customer["customer_id"],
        "token": token_for(SECRET.encode(), customer["customer_id"]),
        "reference": "shop:1",
        "id": "case-1",
    }
    for service, path, name in (
        ("alerts", "/v1/alerts", "alert_id"),
        ("notify", "/v1/notifications", "notification_id"),
        ("ingest", "/v1/quarantine", "quarantine_id"),
    ):
        found[name] = (await world.get(service, path))["items"][0][name]
    return found


def said(report: Report, service: str) -> str:
    return f"\n{service}\n{report}"


@pytest.mark.parametrize("service", SERVICES)
async def test_whatever_is_sent_the_answer_is_one_of_the_document(world: World, service: str) -> None:
    report = await asyncio.to_thread(fuzz, world.url(service), key=world.key, known=await known_to(world))
    print(said(report, service))
    assert not report.findings, said(report, service)
    # Nobody can know the id of an event for a webhook before there was one.
    done = {
        name: seen.keys() & {200, 201, 202, 204, 409} for name, seen in report.answers.items() if "event" not in name
    }
    assert all(done.values()), said(report, service)


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_key_nothing_is_told(world: World, service: str) -> None:
    """Only what is no JSON, or has an address with a NUL, is refused before the key is asked for."""
    report = await asyncio.to_thread(fuzz, world.url(service), key=None, known={}, examples=1)
    assert not report.findings, said(report, service)
    async with aiohttp.ClientSession() as session, session.get(world.url(service) + "/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    keyed = {f"{m.upper()} {path}" for path, item in paths.items() for m, one in item.items() if "security" in one}
    assert all(report.answers[name].keys() <= {400, 401, 404, 405, 422, 429} for name in keyed), said(report, service)


async def test_the_fuzzer_notices_failures_and_answers_that_no_document_announces() -> None:
    router = APIRouter(prefix="/v1")

    @router.get("/defect")
    async def defect(number: int) -> int:
        return 1 // (number and 0)

    @router.get("/untrue")
    async def untrue() -> int:
        return Response("many", media_type="application/json")  # type: ignore[return-value]

    @router.get("/unannounced")
    async def unannounced() -> int:
        raise ApiError(409, "taken", "Somebody has it.")

    @router.get("/other")
    async def other() -> int:
        return Response("1", media_type="text/plain")  # type: ignore[return-value]

    server = HttpServer(create_app("tally", "", Directory(), [router]), host="127.0.0.1", port=0)
    await server.start()
    try:
        report = await asyncio.to_thread(fuzz, f"http://127.0.0.1:{server.port}", key=None, known={}, examples=1)
    finally:
        await server.stop()
    found = {tuple(finding.split(": ")[:2]) for finding in report.findings}
    assert found >= {
        ("GET /v1/defect", "not_a_server_error"),
        ("GET /v1/untrue", "response_schema_conformance"),
        ("GET /v1/unannounced", "status_code_conformance"),
        ("GET /v1/other", "content_type_conformance"),
    }
