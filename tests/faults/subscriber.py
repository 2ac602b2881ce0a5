"""Somebody who wants to be told everything about alerts, and what must have been told by the end of a campaign."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec

from shared.clock import pause, real_now
from shared.postgres import load_queries
from tests.faults.ledger import Difference
from tests.support.providers.web import Request, WebServer, open_web_server

# alert, type of the event, instant
Told = tuple[str, str, datetime]

# Older causes are nobody's news; those that become so during the campaign may be told or not.
NEWS = timedelta(days=7)
# A sender that died keeps its lease for a minute.
PATIENCE_SECONDS = 120.0
_QUERIES = load_queries(Path(__file__).parent / "sql" / "observe.sql")


class Subscriber:
    """A receiver of webhooks of the system under test, which takes everything. Made by `open_subscriber`."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self._began = real_now()
        # A notify whose database was restored has forgotten what it told: it tells it again, of the alert as it is now.
        self.may_reword = False

    @property
    def environment(self) -> Mapping[str, str]:
        """What notify is told, so that it reaches a receiver on this machine."""
        return {"EBBTIDE_WEBHOOK_TRUSTED": f"127.0.0.1:{self._server.port}"}

    @property
    def requests(self) -> int:
        """How many came."""
        return len(self._server.requests)

    async def subscribe(self, notify_url: str, key: str) -> None:
        """To every type of alerts. The key has been made a moment ago: notify may have to learn of it first."""
        asked = {"url": f"http://127.0.0.1:{self._server.port}/alerts", "types": ["alert.*"]}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            while True:
                async with session.post(f"{notify_url}/v1/webhooks", json=asked) as answer:
                    if answer.status == 201:
                        return
                    assert answer.status in (401, 503), (answer.status, await answer.text())
                await pause(0.1)

    async def wait_told(self, dsn: str) -> float:
        """Seconds until notify has nothing left to deliver; the time until patience ended, when it has."""
        began = time.monotonic()
        connection = await asyncpg.connect(dsn)
        try:
            while await connection.fetchval(_QUERIES.undelivered) and time.monotonic() - began < PATIENCE_SECONDS:
                await pause(0.5)
        finally:
            await connection.close()
        return time.monotonic() - began

    def differences(self, alerts: Mapping[str, Mapping[str, Any]]) -> list[Difference]:
        """Between what has happened to the alerts of the store and what came."""
        requests, now = self._server.requests, real_now()
        return list(compare_told(alerts, requests, began=self._began, ended=now, may_reword=self.may_reword))


@asynccontextmanager
async def open_subscriber() -> AsyncIterator[Subscriber]:
    """Listens; nothing is subscribed to yet."""
    async with open_web_server() as server:
        yield Subscriber(server)


def compare_told(
    alerts: Mapping[str, Mapping[str, Any]],
    requests: Iterable[Request],
    *,
    began: datetime,
    ended: datetime,
    may_reword: bool = False,
) -> Iterator[Difference]:
    """Each entry of each alert's history is told under one id, as often as it takes, in the same words each time.

    With `may_reword` an id may come with other data, but always of the same entry.
    """
    # In the order in which they came: what an id said first is what it told.
    bodies: dict[str, dict[bytes, None]] = {}
    for request in requests:
        bodies.setdefault(request.id, {})[request.body] = None
    told = Counter(_event(next(iter(wordings))) for wordings in bodies.values())
    must = Counter(one for one in _happened(alerts) if one[2] > ended - NEWS)
    may = Counter(one for one in _happened(alerts) if one[2] > began - NEWS)
    yield from (Difference("missing", "webhooks", str(one)) for one in (must - told).elements())
    for one in (told - may).elements():
        yield Difference("twice" if one in may else "extra", "webhooks", str(one))
    for event_id, wordings in bodies.items():
        different = {_event(one) for one in wordings} if may_reword else wordings.keys()
        if len(different) > 1:
            yield Difference("extra", "webhooks", f"{event_id} came in {len(different)} wordings")


def _happened(alerts: Mapping[str, Mapping[str, Any]]) -> Iterator[Told]:
    """The entries of all histories. What an alert took over from another was told of that one."""
    for alert_id, alert in alerts.items():
        for act in alert["history"]:
            if act["taken_over_from"] is None:
                yield alert_id, f"alert.{act['act']}", datetime.fromisoformat(act["at"])


def _event(body: bytes) -> Told:
    event = msgspec.json.decode(body)
    return event["data"]["alert_id"], event["type"], datetime.fromisoformat(event["timestamp"])
