"""What alerts needs, taken apart: its database, its handlers and its timers, on a clock that tests move."""

from collections.abc import AsyncIterator

import pytest

from shared.postgres import Database
from tests.integration.alerts.bench import Bench
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(day(10))


@pytest.fixture
async def bench(lease: Lease, clock: ManualClock) -> AsyncIterator[Bench]:
    """Handlers and timers on a leased database, without a broker, under three rules."""
    async with Database(await lease.dsn("alerts"), application="tests") as database:
        bench = Bench(database, clock)
        await bench.apply_rules()
        yield bench
