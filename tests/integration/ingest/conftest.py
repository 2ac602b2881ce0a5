"""An ingest service on its own database and topics, and a system that may write to it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.ingest.app import build
from services.ingest.handlers.principals import Granted, Request, create_principal
from services.ingest.settings import Settings
from services.ingest.store import IngestStore
from shared.application import Application
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.waiting import eventually

SHOP = Request(name="webshop", kind="system", namespace="shop", scopes=("interactions:write",))


@pytest.fixture
async def ingest(lease: Lease) -> AsyncIterator[Application]:
    settings = Settings(**await lease.settings("ingest"))
    async with running(build(settings, clock=ManualClock(day(10)))) as app:
        yield app


@pytest.fixture
async def shop(ingest: Application) -> Granted:
    """A principal whose key works by now."""
    async with ingest.database.transaction() as connection:
        granted = await create_principal(IngestStore(connection), SHOP)

    async def known() -> bool:
        return ingest.directory.find(granted.key.secret) is not None

    await eventually(known, what="the key of webshop")
    return granted


@pytest.fixture
async def caller(ingest: Application, shop: Granted) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session with the key of the shop."""
    assert ingest.server is not None
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{ingest.server.port}", headers={"Authorization": f"Bearer {shop.key.secret}"}
    ) as session:
        yield session


@pytest.fixture
async def admin(ingest: Application) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session of somebody who may see raw records."""
    async with ingest.database.transaction() as connection:
        request = Request(name="ann", kind="person", namespace=None, scopes=("admin",))
        granted = await create_principal(IngestStore(connection), request)

    async def known() -> bool:
        return ingest.directory.find(granted.key.secret) is not None

    await eventually(known, what="the key of ann")
    assert ingest.server is not None
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{ingest.server.port}", headers={"Authorization": f"Bearer {granted.key.secret}"}
    ) as session:
        yield session
