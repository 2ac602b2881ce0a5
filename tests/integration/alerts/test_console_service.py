"""The live page as browsers use it: sign in, look, act, see each other, survive a restart."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.alerts.app import build
from services.alerts.settings import Settings
from shared.application import Application
from tests.integration.alerts.bench import RULES
from tests.integration.alerts.browser import Browser, base_of, browsing, complaints, grant, stored
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.waiting import eventually


@pytest.fixture
async def settings(lease: Lease, tmp_path: Path) -> Settings:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    return Settings(**await lease.settings("alerts", rules=rules))


@pytest.fixture
async def service(settings: Settings, clock: ManualClock) -> AsyncIterator[Application]:
    clock.move_to(day(100))
    async with running(build(settings, clock=clock)) as app:
        yield app


async def test_two_people_see_each_others_acts_within_a_second(lease: Lease, service: Application) -> None:
    """One acknowledges; the other's page shows by whom, in that person's language, without asking."""
    ann, bob = await grant(lease, "ann", "alerts:read", "alerts:write"), await grant(lease, "bob", "alerts:read")
    one, two = await complaints(lease, service, 2)
    async with browsing(service, ann) as acting, browsing(service, bob) as looking:
        status, page = await looking.get("/?condition=firing&handling=open")
        assert (status, page.count('<tr id="a-'), "High value" in page) == (200, 2, True)
        await looking.post("/console/preferences", ("language", "zh-CN"))
        async with looking.stream("?since=0") as stream, looking.stream("?handling=open&since=0") as narrow:
            assert len((await stream.message())["rows"]) == 2
            await narrow.message()
            began = time.monotonic()
            done = await acting.act("acknowledge", one, **{"for": "4h", "text": "I call them"})
            assert (done["status"], done["done"], done["refusals"]) == (200, 1, {})
            version = (await stored(service))[one]
            row = await stream.until(one, version)
            assert time.monotonic() - began < 1
            assert "Ann 跟进中，承诺至 04:00" in row["html"]
            # It is not open any more, so it leaves the list of open ones.
            assert (await narrow.until(one, version))["html"] is None
        status, text = await looking.get(f"/console/alerts/{one}")
        assert "I call them" in text
        refused = await looking.act("snooze", two, **{"for": "1h"})
        assert (refused["status"], refused["code"]) == (403, "missing_scope")


async def test_acts_on_many_are_done_or_refused_one_by_one(lease: Lease, service: Application) -> None:
    """The words stand at the row, with JavaScript and without."""
    ann = await grant(lease, "ann", "alerts:read", "alerts:write")
    one, two, three = await complaints(lease, service, 3)
    async with browsing(service, ann) as browser:
        assert (await browser.act("resolve", one, text="spoke to them", outcome="retained"))["done"] == 1
        both = await browser.act("resolve", one, two, text="again", back="handling=closed")
        assert (both["done"], list(both["refusals"])) == (1, [one])
        at_row = {row["alert_id"]: row["html"] for row in both["rows"]}
        assert "somebody has closed it already" in at_row[one]
        assert "Closed by Ann" in at_row[two]
        for fields, code in (
            ({"act": "resolve", "alert_id": three}, "reason_missing"),
            ({"act": "snooze", "alert_id": three}, "until_missing"),
            ({"act": "snooze", "alert_id": three, "until": "soon"}, "until_unreadable"),
            ({"act": "snooze", "for": "1h"}, "none_selected"),
            ({"act": "explode", "alert_id": three}, "not_valid"),
            ({"act": "snooze", "for": "1h", "alert_id": "x"}, "not_valid"),
        ):
            _, _, text = await browser.post("/console/acts", *fields.items(), accept="application/json")
            assert f'"code":"{code}"' in text
        past = ("act", "acknowledge"), ("until", "2026-01-01T00:00"), ("alert_id", three), ("back", "q=shop")
        status, _, page = await browser.post("/console/acts", *past)
        assert (status, "that time has passed already" in page) == (200, True)
        there = ("act", "snooze"), ("for", "1d"), ("alert_id", three), ("back", "q=shop")
        status, path, page = await browser.post("/console/acts", *there)
        assert (status, path, "Snoozed by Ann until 2026-04-12 00:00" in page) == (200, "/?q=shop", True)
        assert (await browser.post("/console/acts", *there[:3], ("to", "/x")))[1] == "/x"


async def test_a_session_outlives_a_restart_and_a_page_misses_and_repeats_nothing(
    lease: Lease, settings: Settings, clock: ManualClock
) -> None:
    """Changes while the page was away are told when it comes back with the last id, to the process after as well."""
    clock.move_to(day(100))
    async with running(build(settings, clock=clock)) as first:
        ann = await grant(lease, "ann", "alerts:read", "alerts:write")
        alert_ids = await complaints(lease, first, 6)
        async with browsing(first, ann) as browser:
            async with browser.stream("?since=0") as stream:
                await stream.message()
                await browser.act("snooze", alert_ids[0], **{"for": "1h"})
                await stream.until(alert_ids[0], (await stored(first))[alert_ids[0]])
            known = stream
            # Nobody watches now.
            await browser.act("snooze", *alert_ids[1:3], **{"for": "1h"})
            async with running(build(settings, clock=clock)) as second:
                await first.stop()
                again = Browser(base_of(second), browser.session)

                async def signed_in() -> bool:
                    return (await again.get("/"))[1].count("<tr id=") == 6

                await eventually(signed_in, what="the session after the restart")
                async with again.stream(last_id=known.last_id) as resumed:
                    resumed.rows, resumed.taken = known.rows, known.taken
                    await again.act("snooze", alert_ids[3], **{"for": "1h"})
                    for alert_id, version in (await stored(second)).items():
                        await resumed.until(alert_id, version)
                    assert {one: row["version"] for one, row in resumed.rows.items()} == await stored(second)
                    assert len(resumed.taken) == len(set(resumed.taken)) == 6 + 4


async def test_a_session_ends_with_its_key_and_by_signing_out(lease: Lease, service: Application) -> None:
    """At the next request; and an open stream ends too."""
    key = await grant(lease, "ann", "alerts:read")
    async with browsing(service, key) as browser, browsing(service, key) as other:
        status, page = await browser.get("/")
        assert (status, "Sign out" in page, 'action="/console/acts"' in page) == (200, True, False)
        _, path, _ = await other.post("/console/sign-out")
        assert path == "/console/sign-in"
        assert "Your key" in (await other.get("/"))[1]
        async with browser.stream() as stream:
            await stream.message()
            await grant(lease, "ann", "alerts:read", key=key, revoked=True)
            while await stream.message() is not None:
                pass
        assert "Your key" in (await browser.get("/"))[1]
        async with service.database.connection() as connection:
            assert await connection.fetchval("select count(*) from sessions") == 0


async def test_open_streams_do_not_hold_up_the_stop(lease: Lease, service: Application) -> None:
    """They end by themselves within seconds, and say nothing of an error."""
    key = await grant(lease, "ann", "alerts:read")
    async with browsing(service, key) as browser, browser.stream() as stream, browser.stream() as other:
        await stream.message()
        await other.message()
        began = time.monotonic()
        await service.stop()
        assert time.monotonic() - began < 5
        assert await stream.message() is None


async def test_what_is_stored_of_a_session_opens_nothing(lease: Lease, service: Application) -> None:
    """Neither the cookie nor the key."""
    key = await grant(lease, "ann", "alerts:read")
    async with browsing(service, key) as browser:
        (cookie,) = list(browser.session.cookie_jar)
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
        async with service.database.connection() as connection:
            row: Any = await connection.fetchrow("select * from sessions")
    assert cookie.value.encode() not in bytes(row["token_hash"])
    assert key.secret not in str(dict(row))
