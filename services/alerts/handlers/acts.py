"""What people do to an alert: one locked row, one decision, one new version owed to the topic."""

from collections.abc import Callable

from services.alerts.domain.entities import Alert, Sealed
from services.alerts.domain.lifecycle import Actor, Refusal
from services.alerts.handlers.deciding import write_alerts
from services.alerts.handlers.storage import OpenStore, Stored
from services.alerts.metrics import AlertMetrics
from shared.clock import Clock
from shared.pii import seal_pii
from shared.pipeline import append_to_publish
from shared.postgres import Database

Change = Callable[[Alert], Alert | Refusal]


class Acts:
    """Carries out acts of people."""

    def __init__(self, database: Database, *, clock: Clock, store: OpenStore, metrics: AlertMetrics) -> None:
        self.clock = clock
        self._database = database
        self._store = store
        self._metrics = metrics

    def actor(self, principal_id: str, **said: str | None) -> Actor:
        """Somebody who acts now; what they say is sealed as `comment` or `reason`."""
        pii = seal_pii({name: text for name, text in said.items() if text})
        comment = Sealed(value=pii.value, alg=pii.alg, kid=pii.kid) if pii is not None else None
        return Actor(principal_id, self.clock.now(), comment)

    async def act(self, alert_id: str, name: str, change: Change, correlationid: str) -> Stored | Refusal | None:
        """The alert as it is afterwards, why not, or None when there is none of that id.

        `name` is the metric label. What is stored is owed to the topic in the same transaction.
        """
        async with self._database.transaction() as connection:
            store = self._store(connection)
            row = await store.lock_alert(alert_id)
            if row is None:
                return None
            after = change(row.alert)
            if isinstance(after, Refusal):
                self._metrics.acts.labels(act=name, outcome=after.code).inc()
                return after
            now = self.clock.now()
            published = await write_alerts(store, [(after, correlationid)], {alert_id: row}, now)
            await append_to_publish(connection, {entry.entity_id: entry.version for entry in published})
            self._metrics.acts.labels(act=name, outcome="done").inc()
            return await store.get_alert(alert_id)
