"""The whole service: alerts in, mail and notifications out, questions answered."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.notify.domain.unsubscribe import token_for
from shared.access import new_key
from shared.application import Application
from shared.clock import real_now
from shared.contracts import AccessKey, Principal
from shared.kafka.topics import ALERTS, INBOUND, NOTIFICATIONS, PROFILES
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.values import alert, id_of, profile, resolved, snapshot
from tests.support.builders import record
from tests.support.stack import SECRET, Lease
from tests.support.topics import last_per_key, publish, read_all
from tests.support.waiting import eventually


@pytest.fixture
async def api(notify: Application) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody with the right to read notifications."""
    key = new_key()
    reader = Principal(
        principal_id="reader",
        name="Reader",
        kind="person",
        scopes=("notifications:read",),
        keys=(AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now()),),
    )
    notify.directory.apply("reader", record(snapshot("reader", 1, reader))[1])

    async def loaded() -> bool:
        return notify.directory.loaded

    await eventually(loaded, what="the directory of keys")
    assert notify.server is not None
    base = f"http://127.0.0.1:{notify.server.port}"
    async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {key.secret}"}) as session:
        yield session


async def published(lease: Lease, *, settled: int) -> dict[tuple[str, str], Any]:
    """The last word on each notification by (transition, step), once so many are settled."""

    async def look() -> dict[tuple[str, str], Any] | None:
        entries = [entry.data for entry in (await last_per_key(lease, NOTIFICATIONS)).values()]
        done = [entry for entry in entries if entry.status in ("sent", "dropped", "failed", "unknown")]
        return {(entry.transition, entry.step): entry for entry in done} if len(done) >= settled else None

    found = await eventually(look, what=f"{settled} settled notifications")
    assert found is not None
    return found


async def test_owner_and_customer_are_told_once_and_the_owner_again_at_the_end(
    lease: Lease, notify: Application, mailbox: Mailbox
) -> None:
    """From alerts.v1 to the mailbox and notifications.v1; a repeated record repeats no mail."""
    await publish(lease, PROFILES, [record(profile("jo", owner="lin"))])
    firing = record(alert("a1", "jo"))
    await publish(lease, ALERTS, [firing])
    told = await published(lease, settled=2)
    assert [told[key].status for key in (("fired", "owner"), ("fired", "win_back"))] == ["sent", "sent"]
    assert told["fired", "owner"].recipient == "staff:lin"
    assert told["fired", "owner"].locale == "zh-CN"
    await publish(lease, ALERTS, [firing, record(resolved("a1", "jo"))])
    told = await published(lease, settled=3)
    assert told["closed", "owner"].status == "sent"
    assert told["closed", "owner"].recipient == "staff:lin"
    assert len(mailbox.to("lin.xiaowen@example.com")) == 2
    [letter] = mailbox.to("jo@customers.example")
    assert letter["Message-ID"] == f"<{told['fired', 'win_back'].notification_id}@shop.example>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_an_alert_that_overtakes_its_profile_waits_for_the_owner(
    lease: Lease, notify: Application, mailbox: Mailbox
) -> None:
    """profiles.v1 may lag behind alerts.v1."""
    await publish(lease, ALERTS, [record(alert("a1", "jo", notify=("owner",)))])

    async def waiting() -> bool:
        async with notify.database.connection() as connection:
            return bool(await connection.fetchval("select count(*) from alerts where wait_until is not null"))

    await eventually(waiting, what="an alert that waits for its contact")
    await publish(lease, PROFILES, [record(profile("jo", owner="ben"))])
    told = await published(lease, settled=1)
    assert told["fired", "owner"].recipient == "staff:ben"
    assert mailbox.to("ben.okafor@example.com")[0]["Subject"] == "[warning] Jo: no-purchase-90d"


async def test_an_unsubscribe_link_works_without_login_and_only_by_post(
    lease: Lease, notify: Application, mailbox: Mailbox, api: aiohttp.ClientSession
) -> None:
    """Looking changes nothing, a click stops the mail at once, twice is as once, a forged link is nothing."""
    await publish(lease, PROFILES, [record(profile("jo", locale="zh-CN"))])
    await publish(lease, ALERTS, [record(alert("a1", "jo", notify=("customer",)))])
    await published(lease, settled=1)
    link = mailbox.to("jo@customers.example")[0]["List-Unsubscribe"].strip("<>")
    assert link == f"https://shop.example/v1/unsubscribe/{token_for(SECRET.encode(), id_of('jo'))}"
    path = link.removeprefix("https://shop.example")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{notify.server.port}") as browser:  # type: ignore[union-attr]
        page = await browser.get(path)
        assert page.status == 200
        assert "退订" in await page.text()
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        async with notify.database.connection() as connection:
            assert await connection.fetchval("select count(*) from suppressions") == 0
        for body in ({"List-Unsubscribe": "One-Click"}, None):
            assert (await browser.post(path, data=body, allow_redirects=False)).status == 200
        forged = path[:-1] + ("A" if path[-1] != "A" else "B")
        assert (await browser.get(forged)).status == 404
        assert (await browser.post(forged)).status == 404

    async def told() -> list[Any]:
        return await read_all(lease, INBOUND)

    [(key, act)] = await eventually(told, what="the act on its way into the log")
    assert (key, act.subject, act.type) == ("shop:jo", "shop:jo", "customer.notification.unsubscribed")
    assert (act.time, act.data) == (notify.clock.now(), {"channel": "email", "purpose": "marketing"})
    await publish(lease, ALERTS, [record(alert("a2", "jo", notify=("customer",)))])

    async def second() -> Any:
        answer = await api.get("/v1/notifications", params={"alert_id": id_of("a2"), "status": "dropped"})
        return (await answer.json())["items"]

    [dropped] = await eventually(second, what="the second decision")
    assert dropped["reason"] == "unsubscribed"
    assert len(mailbox.to("jo@customers.example")) == 1


async def test_notifications_can_be_listed_in_pages_and_asked_for_one_by_one(
    lease: Lease, notify: Application, api: aiohttp.ClientSession
) -> None:
    """Filters, cursors, totals; and nothing without the scope."""
    await publish(lease, PROFILES, [record(profile("jo", consent=None)), record(profile("al"))])
    await publish(
        lease, ALERTS, [record(alert(f"a{n}", "jo", notify=("owner",))) for n in range(5)] + [record(alert("b", "al"))]
    )

    async def listed() -> Any:
        body = await (await api.get("/v1/notifications", params={"status": "sent", "total": "true"})).json()
        return body if body.get("total") == 7 else None

    body = await eventually(listed, what="seven sent notifications")
    assert len(body["items"]) == 7
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"customer_id": id_of("jo"), "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await (await api.get("/v1/notifications", params=params)).json()
        seen += [item["alert_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(id_of(f"a{n}") for n in range(5))
    one = body["items"][0]
    assert await (await api.get(f"/v1/notifications/{one['notification_id']}")).json() == one
    assert (await api.get(f"/v1/notifications/{id_of('nothing')}")).status == 404
    assert (await api.get("/v1/notifications", params={"reason": "because"})).status == 422
    assert (await api.get("/v1/notifications", params={"cursor": "x"})).status == 422
    async with aiohttp.ClientSession(f"http://127.0.0.1:{notify.server.port}") as stranger:  # type: ignore[union-attr]
        assert (await stranger.get("/v1/notifications")).status == 401
