"""The parts of scoring on a database of their own, without a broker."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.scoring.handlers import on_profiles
from services.scoring.metrics import ScoringMetrics
from services.scoring.store import ScoringStore
from services.scoring.timers import transitions
from shared.clock import Clock
from shared.contracts import Profile, Score, Snapshot
from shared.pipeline import Outcome
from shared.postgres import Database
from tests.integration.scoring.profiles import received
from tests.support.builders import day
from tests.support.clock import ManualClock
from tests.support.stack import Lease


@dataclass
class Scoring:
    """Handler, timer and store, driven by hand. Everything is settled unless a test says otherwise."""

    database: Database
    clock: ManualClock
    metrics: ScoringMetrics
    settled: Clock

    async def handle(self, *profiles: Snapshot[Profile]) -> Outcome:
        """One batch."""
        async with self.database.transaction() as connection:
            handle = on_profiles(ScoringStore, self.metrics, clock=self.clock, settled=self.settled)
            return await handle(connection, received(*profiles))

    async def wake(self, now: datetime) -> int:
        """The timer's step at `now`."""
        self.clock.move_to(now)
        return await transitions(self.database, ScoringStore, self.metrics, clock=self.clock)(now)

    async def stored(self, customer_id: str) -> Snapshot[Score]:
        """The current snapshot."""
        async with self.database.connection() as connection:
            ((_, version, payload),) = await ScoringStore(connection).get_snapshots([customer_id])
        snapshot = msgspec.json.decode(payload or b"", type=Snapshot[Score])
        assert snapshot.version == version
        return snapshot

    async def owed(self) -> Mapping[str, int]:
        """What the relay has to publish."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select entity_id::text, max(version) from to_publish group by 1")
        return {row[0]: row[1] for row in rows}


@pytest.fixture
async def scoring(lease: Lease) -> AsyncIterator[Scoring]:
    async with Database(await lease.dsn("scoring"), application="tests") as database:
        clock = ManualClock(day(0))
        yield Scoring(database, clock, ScoringMetrics(CollectorRegistry()), clock)
