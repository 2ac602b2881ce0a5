"""All five services in one process, on one clock that a test moves, with real HTTP, Kafka, PostgreSQL and SMTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from pydantic import SecretStr

from services.alerts import app as alerts
from services.alerts.settings import Settings as AlertsSettings
from services.ingest import app as ingest
from services.ingest.handlers.principals import Request, create_principal
from services.ingest.settings import Settings as IngestSettings
from services.ingest.store import IngestStore
from services.notify import app as notify
from services.notify.settings import Settings as NotifySettings
from services.profiles import app as profiles
from services.profiles.settings import Settings as ProfilesSettings
from services.scoring import app as scoring
from services.scoring.settings import Settings as ScoringSettings
from shared.application import Application
from shared.clock import Clock, pause
from tests.integration.notify.mailbox import Mailbox, open_mailbox
from tests.support.at_rest import Look, Watcher
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, Lease, running
from tests.support.waiting import eventually

CONFIG = ROOT / "deploy" / "config"
CALLER = Request(name="e2e", kind="person", namespace="shop", scopes=("admin",))
# Timers are due at an instant or just after it.
JUST_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Skewed:
    """A clock that shows more, or less, than another."""

    clock: Clock
    ahead: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.ahead


@dataclass(slots=True)
class World:
    """The running system as a test sees it."""

    lease: Lease
    clock: ManualClock
    apps: Mapping[str, Application]
    dsns: Mapping[str, str]
    mailbox: Mailbox
    watcher: Watcher
    key: str
    session: aiohttp.ClientSession
    next_at: datetime | None = field(default=None)

    def url(self, service: str) -> str:
        server = self.apps[service].server
        assert server is not None
        return f"http://127.0.0.1:{server.port}"

    async def post(self, events: Sequence[Mapping[str, Any]], *, correlation_id: str | None = None) -> None:
        """Send events; all of them must be accepted."""
        headers = {"X-Correlation-ID": correlation_id} if correlation_id else {}
        url = self.url("ingest") + "/v1/interactions"
        async with self.session.post(url, json=list(events), headers=headers) as answer:
            body = await answer.json(content_type=None)
        assert answer.status == 202, body
        assert body == {"accepted": len(events), "refused": []}

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """The JSON answer to a question."""
        parameters = {name: str(value) for name, value in query.items()}
        async with self.session.get(self.url(service) + path, params=parameters) as answer:
            body = await answer.json(content_type=None)
        assert answer.status == 200, body
        return body

    async def act(self, service: str, path: str, body: Mapping[str, Any]) -> Any:
        """What a person does over the API."""
        async with self.session.post(self.url(service) + path, json=body) as answer:
            said = await answer.json(content_type=None)
        assert answer.status == 200, said
        return said

    async def rest(self, *, seconds: float = 60) -> None:
        """Returns when everything accepted so far has gone through all services at this instant."""
        look = Look({"test": "not looked yet"})

        async def still() -> bool:
            nonlocal look
            before, look = look, await self.watcher.look(self.clock.now())
            self.next_at = look.next_at
            return not look.busy and not before.busy and look.ends == before.ends

        try:
            await eventually(still, what="everything at rest", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"not at rest after {seconds:g} s: {look.busy}") from None

    async def move_to(self, instant: datetime) -> None:
        """Let time pass: from one instant at which something is due to the next, resting at each."""
        await self.rest()
        while self.next_at is not None and self.next_at + JUST_AFTER < instant:
            self.clock.move_to(max(self.next_at + JUST_AFTER, self.clock.now()))
            await self.rest()
        self.clock.move_to(instant)
        await self.rest()


@asynccontextmanager
async def open_world(
    lease: Lease,
    start: datetime,
    *,
    rules: Path = CONFIG / "rules.yaml",
    max_batch_records: int = 10_000,
    skew: Mapping[str, timedelta] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """Everything running, at `start`; stopped at the end. `skew`: services whose clocks are ahead by so much."""
    clock = ManualClock(start)
    clocks = {service: Skewed(clock, skew.get(service, timedelta(0))) for service in _ORDER}
    async with AsyncExitStack() as stack:
        mailbox = await stack.enter_async_context(open_mailbox())
        apps, dsns = await _build(lease, clocks, mailbox, rules=rules, max_batch_records=max_batch_records)
        await asyncio.gather(*(stack.enter_async_context(running(app, alone=False)) for app in apps.values()))

        async def in_hand() -> Mapping[str, float]:
            return {name: sum(p.in_hand.records for _, p in app._pipelines) for name, app in apps.items()}

        watcher = await stack.enter_async_context(
            Watcher(dsns, lease.kafka_bootstrap, in_hand=in_hand, prefix=lease.prefix)
        )
        key = await _key(apps)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(total=60))
        )
        world = World(lease, clock, apps, dsns, mailbox, watcher, key, session)
        await world.rest()
        yield world


async def _build(
    lease: Lease, clocks: Mapping[str, Clock], mailbox: Mailbox, *, rules: Path, max_batch_records: int
) -> tuple[dict[str, Application], dict[str, str]]:
    common = {service: await lease.settings(service, max_batch_records=max_batch_records) for service in _ORDER}
    # The tests share two cores with much else: patience costs nothing here.
    at_ingest = IngestSettings(**common["ingest"], acknowledge_seconds=30)
    at_notify = NotifySettings(
        **common["notify"],
        public_url="https://shop.example",
        staff=CONFIG / "staff.yaml",
        smtp_url=SecretStr(f"smtp://127.0.0.1:{mailbox.port}"),
        mail_from="Corner Shop <hello@shop.example>",
        customer_sends=True,
    )
    at_profiles = ProfilesSettings(**common["profiles"], policy=CONFIG / "policy.yaml")
    apps = {
        "ingest": ingest.build(at_ingest, clock=clocks["ingest"]),
        "profiles": profiles.build(at_profiles, clock=clocks["profiles"]),
        "scoring": scoring.build(ScoringSettings(**common["scoring"]), clock=clocks["scoring"]),
        "alerts": alerts.build(AlertsSettings(**common["alerts"], rules=rules), clock=clocks["alerts"]),
        "notify": notify.build(at_notify, clock=clocks["notify"]),
    }
    return apps, {service: common[service]["postgres_dsn"] for service in _ORDER}


async def _key(apps: Mapping[str, Application]) -> str:
    """A key that every service knows by now."""
    async with apps["ingest"].database.transaction() as connection:
        granted = await create_principal(IngestStore(connection), CALLER)

    async def known() -> bool:
        return all(app.directory.find(granted.key.secret) is not None for app in apps.values())

    await eventually(known, what="the key in every service")
    await pause(0)
    return granted.key.secret


_ORDER = ("ingest", "profiles", "scoring", "alerts", "notify")
