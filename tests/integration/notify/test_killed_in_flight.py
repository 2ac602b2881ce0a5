"""A real process of notify that dies, or stands still past its leases, while providers hold what it handed over."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from deploy.environment import PROJECT, inherited
from deploy.processes import Command, GuardedProcess
from deploy.stack.ports import free_port
from shared.access import new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal
from shared.contracts.alert import Act
from shared.kafka.topics import ACCESS, ALERTS, PROFILES
from shared.postgres import Database
from tests.integration.notify.parts import STAFF
from tests.integration.notify.values import DAY, alert, id_of, profile, snapshot
from tests.support.builders import record
from tests.support.providers.mail import MailServer, open_mail_server
from tests.support.providers.web import Say, WebServer, open_web_server
from tests.support.stack import SECRET, Lease
from tests.support.topics import publish
from tests.support.waiting import eventually

ADA = "ada.brandt@example.com"
JO = "jo@customers.example"
OVER = """
update notifications set due_at = clock_timestamp() where status = 'sending';
update webhook_deliveries set due_at = clock_timestamp() where token is not null
"""
SETTLED = {"owner": "sent", "win_back": "unknown", "webhook": "delivered"}


@dataclass
class Scene:
    """Processes of one notify, the providers they talk to, and the store they share."""

    lease: Lease
    dsn: str
    folder: Path
    mail: MailServer
    web: WebServer

    @asynccontextmanager
    async def process(self, name: str, *, ready: bool = True) -> AsyncIterator["Running"]:
        """One that is `ready`, or only begins; killed in the end if it is still there."""
        port = free_port()
        told = {
            "EBBTIDE_HTTP_PORT": str(port),
            "EBBTIDE_POSTGRES_DSN": self.dsn,
            "EBBTIDE_SECRET": SECRET,
            "EBBTIDE_PUBLIC_URL": "https://shop.example",
            "EBBTIDE_STAFF": str(STAFF),
            "EBBTIDE_SMTP_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "EBBTIDE_MAIL_FROM": "Corner Shop <hello@shop.example>",
            "EBBTIDE_CUSTOMER_SENDS": "true",
            "EBBTIDE_WEBHOOK_TRUSTED": f"127.0.0.1:{self.web.port}",
            "KAFKA_BOOTSTRAP": self.lease.kafka_bootstrap,
            "KAFKA_TOPIC_PREFIX": self.lease.prefix,
        }
        argv = (sys.executable, "-m", "services.notify")
        command = Command(argv=argv, env=inherited() | told, cwd=PROJECT, log=self.folder / f"{name}.log", grace=1.0)
        guarded = await asyncio.to_thread(GuardedProcess, command)
        running = Running(guarded, f"http://127.0.0.1:{port}")
        try:
            if ready:
                await eventually(running.ready, what=f"{name} ready", seconds=90)
            yield running
        finally:
            guarded.send(signal.SIGCONT)
            await asyncio.to_thread(guarded.kill)

    async def subscribe(self, url: str) -> None:
        """Somebody's webhook for alerts."""
        key = new_key()
        kept = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now())
        reader = Principal(principal_id="chat", name="Chat", kind="system", scopes=("alerts:read",), keys=(kept,))
        await publish(self.lease, ACCESS, [record(snapshot("chat", 1, reader))])
        body = {"url": f"http://127.0.0.1:{self.web.port}/in", "types": ["alert.fired"]}
        async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key.secret}"}) as session:

            async def made() -> bool:
                async with session.post("/v1/webhooks", json=body) as answer:
                    return answer.status == 201

            await eventually(made, what="the webhook")

    async def fire(self) -> None:
        """An alert of an hour ago, for owner, customer and webhook."""
        now = real_now()
        fired = Act(act="fired", at=now, by="ebbtide", reason="condition_held")
        one = alert("a", "jo", fired_at=now - DAY / 24, history=(fired,), time=now)
        await publish(self.lease, PROFILES, [record(profile("jo"))])
        await publish(self.lease, ALERTS, [record(one)])

    async def in_flight(self) -> None:
        """Returns when everything is handed over and nothing is answered."""

        async def handed_over() -> bool:
            return len(self.mail.letters) == 2 and len(self.web.requests) == 1

        await eventually(handed_over, what="two letters and a request handed over")

    async def end_leases(self) -> None:
        async with Database(self.dsn, application="tests") as database, database.connection() as connection:
            await connection.execute(OVER)

    async def states(self) -> dict[str, str]:
        """Step, or `webhook`, to status."""
        async with Database(self.dsn, application="tests") as database, database.connection() as connection:
            rows = await connection.fetch("select step, status from notifications where alert_id = $1", id_of("a"))
            told = await connection.fetch("select 'webhook', status from webhook_deliveries")
        return {str(row[0]): str(row[1]) for row in [*rows, *told]}

    async def settled(self) -> None:
        async def look() -> bool:
            return await self.states() == SETTLED

        await eventually(look, what=f"{SETTLED}")

    def assert_sent_as_often_as_may_be(self) -> None:
        """To staff and webhooks again under the same id, to the customer never."""
        assert len(self.mail.to(JO)) == 1
        first, again = self.mail.to(ADA)
        assert first.message_id == again.message_id
        one, other = self.web.requests
        assert (one.id, one.body) == (other.id, other.body)


@dataclass
class Running:
    """One process, from outside."""

    guarded: GuardedProcess
    url: str

    async def get(self, path: str) -> tuple[int, str]:
        try:
            async with aiohttp.ClientSession(self.url) as session, session.get(path) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError as error:
            return 0, str(error)

    async def ready(self) -> bool:
        assert self.guarded.exit_code() is None, self.guarded.output()
        return (await self.get("/readyz"))[0] == 200


@pytest.fixture
async def scene(lease: Lease, tmp_path: Path) -> AsyncIterator[Scene]:
    """Both providers hold the first thing that each recipient is handed."""
    async with open_mail_server() as mail, open_web_server() as web:
        mail.tricks = {ADA: ["held"], JO: ["held"]}
        web.scripts["/in"] = [Say(500, how="held")]
        yield Scene(lease, await lease.dsn("notify"), tmp_path, mail, web)


@pytest.mark.timeout(240)
async def test_killed_while_providers_have_it_staff_and_webhooks_get_it_again_and_customers_do_not(
    scene: Scene,
) -> None:
    """SIGKILL after everything was handed over and before anything was answered."""
    async with scene.process("first") as first:
        await scene.subscribe(first.url)
        await scene.fire()
        await scene.in_flight()
        first.guarded.send(signal.SIGKILL)
        await asyncio.to_thread(first.guarded.wait)
    assert await scene.states() == {"owner": "sending", "win_back": "sending", "webhook": "pending"}
    await scene.end_leases()
    async with scene.process("second", ready=False):
        await scene.settled()
    scene.assert_sent_as_often_as_may_be()


@pytest.mark.timeout(240)
async def test_a_sender_that_stood_still_past_its_lease_cannot_close_what_another_went_on_with(scene: Scene) -> None:
    """SIGSTOP with attempts under way; the other finishes them; thawed, it is told 550 and 500, and that is void."""
    scene.mail.held_answer = "550 never"
    async with scene.process("frozen") as frozen:
        await scene.subscribe(frozen.url)
        await scene.fire()
        await scene.in_flight()
        os.kill(frozen.guarded.pid, signal.SIGSTOP)
        await scene.end_leases()
        # It need not wait until the brokers miss the frozen one: what is to be sent lies in the store.
        async with scene.process("other", ready=False):
            await scene.settled()
        os.kill(frozen.guarded.pid, signal.SIGCONT)
        scene.mail.gate.set()
        scene.web.gate.set()

        async def refused() -> bool:
            _, metrics = await frozen.get("/metrics")
            return "ebbtide_notification_leases_lost_total 2.0" in metrics and "webhook_lease_lost" in (
                frozen.guarded.output()
            )

        await eventually(refused, what="three lost leases in the thawed process")
        assert await scene.states() == SETTLED
    scene.assert_sent_as_often_as_may_be()
