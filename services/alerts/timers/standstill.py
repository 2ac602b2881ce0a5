"""Notices that nothing arrives any more, and tells the people on call once."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from services.alerts.domain import standstill
from services.alerts.handlers import OpenStore
from services.alerts.handlers.deciding import write_alerts
from services.alerts.timers.deciding import owe
from shared.clock import real_now
from shared.contracts import Anchor
from shared.ids import alert_id_of, customer_id_of
from shared.pipeline.settled import UNSETTLED, SettledClock
from shared.postgres import Database

log = structlog.get_logger(__name__)

ITSELF = customer_id_of(standstill.REFERENCE)


class Standstill:
    """A step that looks at whether the settled clocks move, by the wall clock."""

    def __init__(
        self, settled: Mapping[str, SettledClock], *, database: Database, store: OpenStore, version: str
    ) -> None:
        """`version` is that of the rules in force."""
        self._settled = settled
        self._database = database
        self._store = store
        self._version = version
        self._moved: dict[str, tuple[datetime, datetime]] = {}
        self._started_at: datetime | None = None
        # Before the first look nobody knows what an earlier process left.
        self._may_be_raised = True

    async def step(self, now: datetime) -> int:
        """Raise the one alert when a settled clock has stood for too long, resolve it when all have moved on."""
        return await self.look(now, real_now())

    async def look(self, now: datetime, real: datetime) -> int:
        """The same at a given real instant."""
        standing: list[datetime] = []
        # Of what never moved nobody knows since when it stands: not since before this process looked.
        self._started_at = self._started_at or now
        for topic, clock in self._settled.items():
            settled_at = clock.settled_at if clock.settled_at > UNSETTLED else self._started_at
            was, since = self._moved.get(topic, (settled_at, real))
            if was != settled_at or clock.settled_at >= now:
                since = real
            self._moved[topic] = (settled_at, since)
            if real - since >= standstill.AFTER:
                standing.append(settled_at)
        if standing:
            self._may_be_raised = True
            return await self._raise(min(standing), now)
        if self._may_be_raised:
            await self._resolve(min(clock.settled_at for clock in self._settled.values()), now)
        return 0

    async def _raise(self, settled_at: datetime, now: datetime) -> int:
        anchor = standstill.anchor_of(settled_at)
        alert_id = alert_id_of(
            standstill.RULE_ID, Anchor(reference=anchor.reference, source=anchor.source, id=anchor.id)
        )
        async with self._database.transaction() as connection:
            store = self._store(connection)
            known = await store.lock_alerts([standstill.REFERENCE], [], [standstill.RULE_ID])
            # One clock after the other comes to a stand, each at an instant of its own.
            if any(row.alert.condition == "firing" or row.alert.alert_id == alert_id for row in known):
                return 0
            alert = standstill.standstill(alert_id, ITSELF, settled_at=settled_at, now=now, rules_version=self._version)
            await owe(connection, await write_alerts(store, [(alert, "")], {}, now))
        log.error("standstill", settled_at=settled_at.isoformat())
        return 1

    async def _resolve(self, settled_at: datetime, now: datetime) -> None:
        async with self._database.transaction() as connection:
            store = self._store(connection)
            rows = await store.lock_alerts([standstill.REFERENCE], [], [standstill.RULE_ID])
            over = [row for row in rows if row.alert.condition == "firing" and row.alert.evidence.since < settled_at]
            changes = [(standstill.moving_again(row.alert, now), "") for row in over]
            await owe(connection, await write_alerts(store, changes, {row.alert.alert_id: row for row in over}, now))
        if over:
            log.info("standstill_over", settled_at=settled_at.isoformat())
        self._may_be_raised = len(over) < sum(row.alert.condition == "firing" for row in rows)
