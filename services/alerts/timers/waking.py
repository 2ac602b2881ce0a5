"""What is due now: customers whose answer changes by the passing of time, and promises that ran out."""

from datetime import datetime, timedelta

from services.alerts.domain.lifecycle import reopen_due
from services.alerts.handlers import Decider, OpenStore
from services.alerts.handlers.deciding import write_alerts
from services.alerts.metrics import AlertMetrics
from services.alerts.timers.deciding import LIMIT, decide_again, owe
from shared.clock import Clock, real_now
from shared.pipeline import append_to_publish
from shared.postgres import Database

# Real time, because it is about the topic's size: an imported history may be years old by business time.
FORGET_AFTER = timedelta(days=90)
FORGET_EVERY = timedelta(minutes=10)


class Timers:
    """Steps of timer loops: each handles what is due in one transaction, up to a limit, and returns how much.

    Customers are to be woken by the settled clock of the topic; what becomes of them is noted at the time of `clock`.
    """

    def __init__(
        self, decider: Decider, *, database: Database, store: OpenStore, clock: Clock, metrics: AlertMetrics
    ) -> None:
        self._decider = decider
        self._clock = clock
        self._database = database
        self._store = store
        self._metrics = metrics
        self._forgot_at: datetime | None = None

    async def wake_profiles(self, settled_at: datetime) -> int:
        """Activity and event rules: the same decision as in a batch, when more of the silence is settled."""
        return await self._wake("profile", settled_at)

    async def wake_scores(self, settled_at: datetime) -> int:
        """Score rules: a grace that is over."""
        return await self._wake("score", settled_at)

    async def reopen_promised(self, now: datetime) -> int:
        """Open again what was acknowledged or snoozed until now and still fires."""
        async with self._database.transaction() as connection:
            store = self._store(connection)
            rows = await store.claim_due_promises(now, LIMIT)
            changes = [(after, row.snapshot.correlationid) for row in rows if (after := reopen_due(row.alert, now))]
            stored = {row.alert.alert_id: row for row in rows}
            await owe(connection, await write_alerts(store, changes, stored, now))
        self._metrics.woken.labels(timer="promises").inc(len(rows))
        return len(rows)

    async def forget_old(self, _: datetime) -> int:
        """Take alerts that ended and did not change for 90 real days off the topic. The store keeps them."""
        real = real_now()
        if self._forgot_at is not None and real - self._forgot_at < FORGET_EVERY:
            return 0
        async with self._database.transaction() as connection:
            before = int((real - FORGET_AFTER).timestamp() * 1_000_000)
            versions = await self._store(connection).tombstone_alerts(before, LIMIT)
            await append_to_publish(connection, versions)
        if not versions:
            self._forgot_at = real
        return len(versions)

    async def _wake(self, topic: str, settled_at: datetime) -> int:
        now = self._clock.now()
        async with self._database.transaction() as connection:
            store = self._store(connection)
            due = await store.claim_due_subjects(topic, settled_at, LIMIT)
            if due:
                await owe(connection, await decide_again(self._decider, store, topic=topic, due=due, now=now))
        for entry in due:
            if entry.next_at is not None:
                self._metrics.lateness.observe(max((now - entry.next_at).total_seconds(), 0))
        self._metrics.woken.labels(timer=topic).inc(len(due))
        return len(due)
