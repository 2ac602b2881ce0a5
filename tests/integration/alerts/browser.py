"""A browser at the live page: its cookie, its forms, and the stream it follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from services.alerts.store import AlertsStore
from shared.access import NewKey, new_key
from shared.application import Application
from shared.clock import real_now
from shared.contracts import AccessKey, Principal
from shared.contracts.access import Scope
from shared.kafka.topics import ACCESS, PROFILES
from tests.integration.alerts.bench import profile, snapshot
from tests.support.builders import record
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.waiting import eventually

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


async def grant(lease: Lease, name: str, *scopes: Scope, key: NewKey | None = None, revoked: bool = False) -> NewKey:
    """A key of somebody, as ingest would tell of it."""
    key, now = key or new_key(), real_now()
    entry = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=now, revoked_at=now if revoked else None)
    principal = Principal(principal_id=name, name=name.title(), kind="person", scopes=scopes, keys=(entry,))
    await publish(lease, ACCESS, [record(snapshot(name, 2 if revoked else 1, principal))])
    return key


class Stream:
    """What a page knows: for each alert the newest version it was told, and the id to come back with."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.last_id = ""
        self.rows: dict[str, Any] = {}
        self.taken: list[tuple[str, int]] = []
        self.kinds: list[str] = []

    async def message(self) -> Any:
        """The next message, taken over as the page does: only what is newer. Null when the stream ended."""
        told: dict[str, str] = {}
        line = b""
        while "data" not in told or line != b"\n":
            line = await asyncio.wait_for(self._answer.content.readline(), 30)
            if not line:
                return None
            name, _, value = line.decode().rstrip("\n").partition(": ")
            told[name] = value
        body = msgspec.json.decode(told["data"])
        self.kinds.append(told["event"])
        for row in body.get("rows", ()):
            if row["version"] > self.rows.get(row["alert_id"], {"version": 0})["version"]:
                self.rows[row["alert_id"]] = row
                self.taken.append((row["alert_id"], row["version"]))
        self.last_id = told["id"]
        return body

    async def until(self, alert_id: str, version: int) -> Any:
        """Read on until this version of an alert, or a later one, has been taken over."""
        while self.rows.get(alert_id, {"version": 0})["version"] < version:
            assert await self.message() is not None, "the stream ended"
        return self.rows[alert_id]


@dataclass
class Browser:
    """Signed in as somebody."""

    base: str
    session: aiohttp.ClientSession = field(repr=False)

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.base + path, headers={"Accept": "text/html"}) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, *fields: tuple[str, str], accept: str = "text/html") -> tuple[int, str, str]:
        """Status, the path one is at afterwards, and the text."""
        headers = {"Accept": accept, **SAME_ORIGIN}
        async with self.session.post(self.base + path, data=list(fields), headers=headers) as answer:
            return answer.status, answer.url.path_qs, await answer.text()

    async def act(self, act: str, *alert_ids: str, **fields: str) -> Any:
        """As the module of the page does it."""
        form = [("act", act), *fields.items(), *(("alert_id", one) for one in alert_ids)]
        status, _, text = await self.post("/console/acts", *form, accept="application/json")
        return {"status": status, **msgspec.json.decode(text)}

    @asynccontextmanager
    async def stream(self, query: str = "", last_id: str | None = None) -> AsyncIterator[Stream]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        async with self.session.get(f"{self.base}/console/events{query}", headers=headers, timeout=timeout) as answer:
            assert answer.status == 200, await answer.text()
            yield Stream(answer)


@asynccontextmanager
async def browsing(service: Application, key: NewKey) -> AsyncIterator[Browser]:
    """A browser that has signed in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        browser = Browser(base_of(service), session)

        async def signed_in() -> bool:
            return (await browser.post("/console/sign-in", ("key", key.secret)))[0] == 200

        await eventually(signed_in, what="the key")
        yield browser


def base_of(service: Application) -> str:
    assert service.server is not None
    return f"http://127.0.0.1:{service.server.port}"


async def complaints(lease: Lease, service: Application, count: int) -> list[str]:
    """The alerts of customers who complained, by id."""
    told = [
        profile(version=1, references=[f"shop:{n}"], complaints=[(99, None)], owner="ann", value_tier="high")
        for n in range(count)
    ]
    await publish(lease, PROFILES, [record(one) for one in told])

    async def there() -> list[str]:
        found = await stored(service)
        return sorted(found) if len(found) == count else []

    return await eventually(there, what=f"{count} alerts")


async def stored(service: Application) -> dict[str, int]:
    """The version of every alert."""
    async with service.database.connection() as connection:
        rows = await connection.fetch("select alert_id from alerts")
        return dict(await AlertsStore(connection).get_versions([str(row["alert_id"]) for row in rows]))
