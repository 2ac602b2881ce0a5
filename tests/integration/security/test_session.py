"""The session of the live page: nobody can plant one, keep one, or act in one from elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from shared.application import Application
from shared.clock import real_now
from tests.integration.alerts.browser import SAME_ORIGIN, base_of, complaints, grant, stored
from tests.integration.alerts.conftest import clock
from tests.integration.alerts.test_console_service import service, settings
from tests.support.stack import Lease
from tests.support.waiting import eventually

__all__ = ["clock", "service", "settings"]
PLANTED = "A" * 43
COOKIE = "ebbtide_session"


@pytest.fixture
async def page(service: Application, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without a memory, so that each request sends what the test says."""
    async with aiohttp.ClientSession(base_of(service), cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def signed_in(page: aiohttp.ClientSession, key: str, *, cookie: str | None = None) -> tuple[str, str]:
    """The new cookie's value, and how it was set."""
    headers = {**SAME_ORIGIN, **({"Cookie": f"{COOKIE}={cookie}"} if cookie else {})}

    async def sign_in() -> tuple[str, str] | None:
        posting = page.post("/console/sign-in", data={"key": key}, headers=headers, allow_redirects=False)
        async with posting as answer:
            if answer.status != 303:
                return None
            return answer.cookies[COOKIE].value, answer.headers["Set-Cookie"]

    found = await eventually(sign_in, what="the key")
    assert found is not None
    return found


async def sees(page: aiohttp.ClientSession, cookie: str) -> bool:
    async with page.get("/", headers={"Cookie": f"{COOKIE}={cookie}"}, allow_redirects=False) as answer:
        return answer.status == 200


async def test_a_session_is_ours_alone_from_sign_in_to_sign_out(
    lease: Lease, service: Application, page: aiohttp.ClientSession
) -> None:
    """A planted cookie becomes no session, each sign-in is another, and what signed out is worth nothing again."""
    key = (await grant(lease, "ann", "alerts:read", "alerts:write")).secret
    cookie, told = await signed_in(page, key, cookie=PLANTED)
    assert cookie != PLANTED
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in told.split(";")}
    assert "Domain" not in told
    assert not await sees(page, PLANTED)
    other, _ = await signed_in(page, key, cookie=cookie)
    assert other != cookie
    headers = {**SAME_ORIGIN, "Cookie": f"{COOKIE}={cookie}"}
    async with page.post("/console/sign-out", headers=headers, allow_redirects=False) as answer:
        assert (answer.status, answer.cookies[COOKIE].value) == (303, "")
    assert not await sees(page, cookie)
    assert await sees(page, other)
    async with service.database.connection() as connection:
        # As if half a day had passed without a request.
        await connection.execute(
            "update sessions set seen_at = $1::timestamptz - interval '12 hours 1 second'", real_now()
        )
    assert not await sees(page, other)


async def test_a_good_session_acts_from_no_page_but_ours(
    lease: Lease, service: Application, page: aiohttp.ClientSession
) -> None:
    """Should a browser send the cookie along with another site's form all the same."""
    key = (await grant(lease, "ann", "alerts:read", "alerts:write")).secret
    (alert_id,) = await complaints(lease, service, 1)
    cookie, _ = await signed_in(page, key)
    before = await stored(service)
    form = {"act": "snooze", "for": "1h", "alert_id": alert_id}

    async def act(**headers: str) -> int:
        sent = {"Cookie": f"{COOKIE}={cookie}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with page.post("/console/acts", data=form, headers=sent, allow_redirects=False) as answer:
            return answer.status

    ours = base_of(service)
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": ours},
    ):
        assert await act(**headers) == 403, headers
    assert await stored(service) == before
    assert await act(Sec_Fetch_Site="same-origin") == 200
    assert await stored(service) != before
