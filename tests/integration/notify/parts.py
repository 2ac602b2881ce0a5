"""The parts of one notify process, without broker and HTTP."""

from collections.abc import Sequence
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from services.notify.domain.planning import Planner
from services.notify.domain.snapshots import AlertPart, ProfilePart
from services.notify.gateways.mailer import Mailer
from services.notify.gateways.messages import sender_from
from services.notify.gateways.rendering import Renderer
from services.notify.gateways.smtp import SmtpGateway, SmtpServer
from services.notify.gateways.staff import load_staff
from services.notify.handlers import Announcing, Planning
from services.notify.metrics import NotifyMetrics
from services.notify.store import NotifyStore, WebhookStore
from services.notify.timers import Claims, Sender, WaitingAlerts
from shared.ids import notification_id_of
from shared.pipeline import Outcome, Received
from shared.postgres import Connection, Database
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.values import as_read
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, SECRET

STAFF = ROOT / "deploy/config/staff.yaml"


class Parts:
    """The parts of one notify process, driven step by step; several may share a database."""

    def __init__(
        self,
        database: Database,
        clock: ManualClock,
        mailbox: Mailbox,
        *,
        customer_sends: bool = True,
        store: type[NotifyStore] = NotifyStore,
    ) -> None:
        staff = load_staff(STAFF)
        self.clock = clock
        self.database = database
        self.metrics = NotifyMetrics(CollectorRegistry())
        announcing = Announcing(WebhookStore, default_owner=staff.default_owner, clock=clock, metrics=self.metrics)
        planner = Planner(staff, notification_id_of)
        self.planning = Planning(NotifyStore, planner=planner, announcing=announcing, clock=clock)
        self.claims = Claims(
            database,
            store,
            staff=staff,
            customer_sends=customer_sends,
            announcing=announcing,
            metrics=self.metrics,
        )
        self.gateway = SmtpGateway(SmtpServer("127.0.0.1", mailbox.port))
        mailer = Mailer(
            gateway=self.gateway,
            renderer=Renderer(),
            sender=sender_from("Corner Shop <hello@shop.example>"),
            staff=staff,
            public_url="https://shop.example",
            secret=SECRET.encode(),
        )
        self.sender = Sender(self.claims, mailer, clock=clock, metrics=self.metrics)
        self.waiting = WaitingAlerts(database, self.planning)

    async def profiles(self, *snapshots: Any) -> Outcome:
        """One batch of profiles."""
        async with self.database.transaction() as connection:
            return await self.planning.on_profiles(connection, _received(snapshots, ProfilePart))

    async def alerts(self, *snapshots: Any) -> Outcome:
        """One batch of alerts."""
        async with self.database.transaction() as connection:
            return await self.handle_alerts(connection, *snapshots)

    async def handle_alerts(self, connection: Connection, *snapshots: Any) -> Outcome:
        """One batch of alerts in somebody's transaction."""
        return await self.planning.on_alerts(connection, _received(snapshots, AlertPart))

    async def send_all(self) -> None:
        """Until nothing is due."""
        while await self.sender.step(self.clock.now()):
            await self.sender.finish()

    async def hurry(self) -> None:
        """Leases and back-off end now."""
        async with self.database.connection() as connection:
            await connection.execute("update notifications set due_at = clock_timestamp() where due_at is not null")
            await connection.execute("update alerts set wait_until = clock_timestamp() where wait_until is not null")

    async def states(self) -> dict[tuple[str, str, str], tuple[str, str | None]]:
        """(alert, transition, step) to (status, reason)."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select alert_id, transition, step, status, reason from notifications")
        return {(str(row[0]), row[1], row[2]): (row[3], row[4]) for row in rows}


def _received(snapshots: Sequence[Any], part: type) -> list[Received[Any]]:
    return [Received(as_read(entry, part), msgspec.json.encode(entry)) for entry in snapshots]
