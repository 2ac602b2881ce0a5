"""Refused records do not stay for ever: they are raw, may hold personal data, and their senders have moved on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog

from services.ingest.domain.quarantine import Status
from services.ingest.metrics import IngestMetrics
from shared.clock import pause
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

SETTLED_FOR = timedelta(days=30)
# Few enough that nobody waits for their rows.
ROWS_PER_STEP = 500
PAUSE_SECONDS = 600.0


class AgeingStore(Protocol):
    """What of the store is needed here."""

    async def prune_quarantine(self, *, settled_for: timedelta, open_for: timedelta, limit: int) -> list[str]: ...


class Pruning:
    """Forgets records in quarantine: 30 days after they were settled, or `open_for` after nobody settled them.

    In real time, whatever the business clock says: what people owe to people's data does not run in simulations.
    """

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection], AgeingStore],
        *,
        open_for: timedelta,
        metrics: IngestMetrics,
    ) -> None:
        self._database = database
        self._store = store
        self._open_for = open_for
        self._metrics = metrics

    async def step(self) -> int:
        """One small transaction; returns how many went."""
        async with self._database.transaction() as connection:
            gone = await self._store(connection).prune_quarantine(
                settled_for=SETTLED_FOR, open_for=self._open_for, limit=ROWS_PER_STEP
            )
        for status in gone:
            self._metrics.pruned.labels(status=status).inc()
        if unseen := gone.count(Status.OPEN):
            log.warning("quarantine_expired", records=unseen, days=self._open_for.days)
        return len(gone)

    async def run(self) -> None:
        """For ever, every ten minutes. Failures that pass are waited out; anything else is raised to the supervisor."""
        while True:
            try:
                full = await self.step() == ROWS_PER_STEP
            except Exception as error:
                if not is_transient(error):
                    raise
                full = False
            await pause(0 if full else PAUSE_SECONDS)
