"""A notify service with its mailbox, its parts, and receivers of webhooks."""

from collections.abc import AsyncIterator

import pytest

from services.notify.app import build
from services.notify.settings import Settings
from shared.application import Application
from shared.postgres import Database
from tests.integration.notify.mailbox import Mailbox, open_mailbox
from tests.integration.notify.parts import STAFF, Parts
from tests.integration.notify.receiver import Receiver, open_receiver
from tests.integration.notify.values import NOW
from tests.integration.notify.webhook_parts import WebhookParts
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox() as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened


@pytest.fixture
async def notify(lease: Lease, clock: ManualClock, mailbox: Mailbox, receiver: Receiver) -> AsyncIterator[Application]:
    settings = Settings(
        **await lease.settings(
            "notify",
            public_url="https://shop.example",
            staff=STAFF,
            smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
            mail_from="Corner Shop <hello@shop.example>",
            customer_sends=True,
            webhook_trusted=receiver.place,
        )
    )
    async with running(build(settings, clock=clock)) as app:
        yield app


@pytest.fixture
async def database(lease: Lease) -> AsyncIterator[Database]:
    async with Database(await lease.dsn("notify"), application="tests") as opened:
        yield opened


@pytest.fixture
async def parts(database: Database, clock: ManualClock, mailbox: Mailbox) -> AsyncIterator[Parts]:
    made = Parts(database, clock, mailbox)
    yield made
    await made.gateway.close()


@pytest.fixture
async def hooks(parts: Parts, receiver: Receiver) -> AsyncIterator[WebhookParts]:
    made = WebhookParts(parts, receiver)
    yield made
    receiver.gate.set()
    await made.deliveries.finish()
