"""People look at what was refused, repair it, or discard it; each decision is made once."""

from datetime import timedelta
from typing import Any

import aiohttp

from services.ingest.store import IngestStore
from services.ingest.timers import SETTLED_FOR
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


async def test_refused_records_are_forgotten_in_time_a_few_at_once(
    lease: Lease, ingest: Application, admin: aiohttp.ClientSession
) -> None:
    """Settled ones after 30 days, the others after 90; whoever is younger stays."""
    await write(lease, [structured(event(f"e{number}", time="soon")) for number in range(6)])

    async def six() -> list[dict[str, Any]]:
        found = await in_quarantine(admin)
        return found if len(found) == 6 else []

    ids = [one["quarantine_id"] for one in await eventually(six, what="six records")]
    ages = [("discarded", 31, 31), ("resubmitted", 91, 31), ("discarded", 91, 29), ("open", 89, None)]
    async with ingest.database.connection() as connection:
        for quarantine_id, (status, received, settled) in zip(ids, [*ages, *[("open", 91, None)] * 2], strict=True):
            await connection.execute(
                "update quarantine set status = $2, received_at = now() - make_interval(days => $3),"
                " settled_at = now() - make_interval(days => $4) where quarantine_id = $1",
                quarantine_id,
                status,
                received,
                settled,
            )
        store = IngestStore(connection)
        first = await store.prune_quarantine(settled_for=SETTLED_FOR, open_for=timedelta(days=90), limit=3)
        rest = await store.prune_quarantine(settled_for=SETTLED_FOR, open_for=timedelta(days=90), limit=3)
    assert (len(first), len(rest)) == (3, 1)
    assert sorted([*first, *rest]) == ["discarded", "open", "open", "resubmitted"]
    assert {one["quarantine_id"] for one in await in_quarantine(admin)} == {ids[2], ids[3]}
