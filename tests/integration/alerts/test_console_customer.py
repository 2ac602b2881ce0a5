"""The customer behind an alert, on the live page: panels of other services, search by name, comments."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import yaml
from aiohttp import web

from services.alerts.app import build
from services.alerts.settings import Settings
from shared.application import Application
from shared.ids import customer_id_of
from tests.integration.alerts.bench import RULES
from tests.integration.alerts.browser import base_of, browsing, complaints, grant, stored
from tests.integration.alerts.upstream import serving
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running

AT = "2026-04-10T08:00:00Z"
NAME = "Zoe Unmistakable"


class Town:
    """profiles, scoring and notify as far as the page asks them. What is in `down` answers with that status."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.down: dict[str, int] = {}
        self.named: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        what = request.path.split("/")[2] + ("/timeline" if request.path.endswith("/timeline") else "")
        self.asked.append((what, request.path_qs, request.headers["Authorization"]))
        if what in self.down:
            return web.Response(status=self.down[what])
        if what == "customers" and "name" in request.query:
            found = self.named if request.query["name"] in NAME else []
            return web.json_response({"items": [{"customer_id": one} for one in found], "next_cursor": None})
        return web.json_response(self._known(what, request.path.split("/")[-1]))

    def _known(self, what: str, customer_id: str) -> dict[str, Any]:
        if what == "customers":
            pii = {"alg": "none", "value": {"name": {"value": NAME, "source": "crm", "time": AT}}}
            return {"customer_id": customer_id, "pii": pii}
        if what == "scores":
            parts = [{"factor": "recency", "points": 60}, {"factor": "frequency", "points": 20}]
            kind = {"value": 80, "scale": "index", "band": "high", "contributions": parts}
            return {"customer_id": customer_id, "kinds": {"churn_risk": kind}}
        if what == "customers/timeline":
            return {"items": [{"type": "customer.visit", "source": "web", "time": AT}], "next_cursor": None}
        told = {"alert_id": "a", "transition": "fired", "recipient": "staff:ann", "channel": "email", "status": "sent"}
        return {"items": [{**told, "cause_at": AT}], "next_cursor": None}


@pytest.fixture
async def town() -> AsyncIterator[tuple[Town, str]]:
    town = Town()
    async with serving(town.answer) as url:
        yield town, url


@pytest.fixture
async def service(
    lease: Lease, tmp_path: Path, clock: ManualClock, town: tuple[Town, str]
) -> AsyncIterator[Application]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    urls = dict.fromkeys(("profiles_url", "scoring_url", "notify_url"), town[1])
    clock.move_to(day(100))
    settings = Settings(**await lease.settings("alerts", rules=rules, **urls))
    async with running(build(settings, clock=clock)) as app:
        yield app


async def test_panels_are_asked_for_by_themselves_with_the_persons_own_key(
    lease: Lease, service: Application, town: tuple[Town, str]
) -> None:
    """The drawer asks for each, the page holds them all; one that is away or refuses says so and holds up no other."""
    key = await grant(lease, "ann", "alerts:read", "customers:read")
    (one,) = await complaints(lease, service, 1)
    customer = customer_id_of("shop:0")
    async with browsing(service, key) as browser:
        _, drawer = await browser.get(f"/console/alerts/{one}?part=1")
        assert (drawer.count("data-panel="), town[0].asked) == (4, [])
        status, record = await browser.get(f"/console/alerts/{one}/panels/record")
        assert (status, NAME in record, "<html" in record) == (200, True, False)
        assert town[0].asked == [("customers", f"/v1/customers/{customer}", f"Bearer {key.secret}")]
        town[0].down = {"scores": 403, "notifications": 503}
        _, page = await browser.get(f"/console/alerts/{one}")
        for said in (NAME, "Visit", "Your key may not see this. It needs scores:read.", "notify does not answer"):
            assert said in page
        assert {what for what, _, _ in town[0].asked} == {"customers", "customers/timeline", "scores", "notifications"}
        assert any(f"customer_id={customer}" in path for what, path, _ in town[0].asked if what == "notifications")
        town[0].down = {}
        _, page = await browser.get(f"/console/alerts/{one}")
        assert "+60.0" in page
        assert "<b>Sent</b>" in page
        assert (await browser.get(f"/console/alerts/{one}/panels/secrets"))[0] == 404
        async with service.database.connection() as connection:
            kept = str(dict(await connection.fetchrow("select * from sessions")))
            await connection.execute("update sessions set sealed_key = null")
        assert key.secret not in kept
        assert "Sign in again to see this" in (await browser.get(f"/console/alerts/{one}/panels/record"))[1]


async def test_a_name_is_searched_where_names_are_and_told_to_nobody(
    lease: Lease, service: Application, town: tuple[Town, str]
) -> None:
    """The list, its stream and its acts agree; without profiles references are searched, and the page says so."""
    ann = await grant(lease, "ann", "alerts:read", "alerts:write")
    ids = await complaints(lease, service, 3)
    town[0].named = [customer_id_of("shop:1")]
    with structlog.testing.capture_logs() as logs:
        async with browsing(service, ann) as browser:
            status, page = await browser.get("/?q=Unmistakable")
            assert (status, page.count('<tr id="a-'), "shop:1" in page) == (200, 1, True)
            (found,) = [one for one in ids if f'id="a-{one}"' in page]
            async with browser.stream("?since=0&q=Unmistakable") as stream:
                told = {row["alert_id"]: row["html"] is not None for row in (await stream.message())["rows"]}
                assert told == {one: one == found for one in ids}
            done = await browser.act("snooze", found, **{"for": "1h", "back": "q=Unmistakable"})
            assert done["rows"][0]["html"] is not None
            town[0].down = {"customers": 503}
            _, page = await browser.get("/?q=shop")
            assert (page.count('<tr id="a-'), "Only references were searched" in page) == (3, True)
            town[0].asked.clear()
            assert (await browser.get("/?q=shop:1"))[1].count('<tr id="a-') == 1
            assert town[0].asked == []
    async with aiohttp.ClientSession() as session, session.get(f"{base_of(service)}/metrics") as answer:
        metrics = await answer.text()
    for kept in (str(logs), metrics):
        assert "Unmistakable" not in kept
        assert ann.secret not in kept


async def test_a_comment_is_an_act_that_everybody_sees(lease: Lease, service: Application) -> None:
    """It changes neither condition nor handling, also of what is closed already."""
    ann = await grant(lease, "ann", "alerts:read", "alerts:write")
    one, two = await complaints(lease, service, 2)
    hostile = "<script>alert(1)</script>"
    async with browsing(service, ann) as browser, browser.stream("?since=0") as stream:
        await stream.message()
        done = await browser.act("comment", one, two, text=hostile)
        assert (done["done"], done["said"]) == (2, "Comments added: 2")
        assert "Open" in (await stream.until(one, (await stored(service))[one]))["html"]
        _, _, refused = await browser.post("/console/acts", ("act", "comment"), ("alert_id", one), accept="text/json")
        assert '"code":"comment_missing"' in refused
        await browser.act("resolve", one, text="done")
        form = ("act", "comment"), ("alert_id", one), ("text", "after all"), ("to", f"/console/alerts/{one}")
        status, path, page = await browser.post("/console/acts", *form)
        assert (status, path) == (200, f"/console/alerts/{one}")
        for said in ("Commented</b> · Ann", "after all", "&lt;script&gt;", "Closed by Ann"):
            assert said in page
        assert hostile not in page
