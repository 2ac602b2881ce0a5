"""A profiles service on its own databases and topics."""

from collections.abc import AsyncIterator

import pytest

from services.profiles.app import build
from services.profiles.settings import Settings
from shared.application import Application
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, Lease, running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(day(10))


@pytest.fixture
async def profiles(lease: Lease, clock: ManualClock) -> AsyncIterator[Application]:
    settings = Settings(**await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml"))
    async with running(build(settings, clock=clock)) as app:
        yield app
