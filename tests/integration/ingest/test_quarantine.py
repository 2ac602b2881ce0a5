"""People look at what was refused, repair it, or discard it; each decision is made once."""

from typing import Any

import aiohttp

from shared.application import Application
from tests.integration.ingest.outsider import PATH, accepted, event, in_quarantine, structured, write
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease
from tests.support.waiting import eventually


async def test_repaired_records_enter_and_are_marked(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    """Refused again they stay; taken they are settled for good; somebody else may look at nothing."""
    await write(lease, [structured(event("a", time="soon")), structured(event("b", time="2026-01-11T00:30:00Z"))])
    await write(lease, [structured(event("c", type="NO"))])

    async def three() -> list[dict[str, Any]]:
        found = await in_quarantine(admin)
        return found if len(found) == 3 else []

    items = {one["code"] + one["field"]: one["quarantine_id"] for one in await eventually(three, what="three records")}
    repaired = f"{PATH}/{items['valuetime']}/resubmit"
    async with admin.post(repaired) as answer:
        body = await answer.json()
        assert (answer.status, body["accepted"]) == (422, 0)
        assert [(one["id"], one["field"], one["code"]) for one in body["refused"]] == [("a", "time", "value")]
    for sent, status in ((b"{", 400), (b"null", 422), (b"[]", 422)):
        async with admin.post(repaired, data=sent, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == status, sent
    async with admin.post(repaired, json=event("a")) as answer:
        assert (answer.status, await answer.json()) == (202, {"accepted": 1, "refused": []})
    async with admin.post(repaired, json=event("a")) as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "already_settled")
    future = f"{PATH}/{items['futuretime']}/resubmit"
    async with admin.post(future) as answer:
        assert answer.status == 422
    assert isinstance(ingest.clock, ManualClock)
    ingest.clock.move_to(day(11))
    async with admin.post(future) as answer:
        assert answer.status == 202
    async with admin.post(f"{PATH}/{items['valuetype']}/discard") as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "discarded")
    async with admin.post(f"{PATH}/{items['valuetype']}/discard") as answer:
        assert answer.status == 409
    assert await accepted(lease) == ["a", "b"]
    assert sorted(one["status"] for one in await in_quarantine(admin)) == ["discarded", "resubmitted", "resubmitted"]
    assert all(one["settled_by"] and one["settled_at"] for one in await in_quarantine(admin))
    assert await in_quarantine(admin, status="open") == []
    for path in (
        f"{PATH}/00000000-0000-5000-8000-000000000000",
        f"{PATH}/not-an-id",
        f"{PATH}?cursor=x",
        f"{PATH}?topic=%00",
    ):
        async with admin.get(path) as answer:
            assert answer.status in (404, 422), path


async def test_only_an_admin_sees_what_was_refused(caller: aiohttp.ClientSession) -> None:
    async with caller.get(PATH) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "missing_scope")
