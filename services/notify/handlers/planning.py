"""Batches of profiles and alerts: keep the newest of each, and plan what an alert calls for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.notify.domain.attempts import NOW
from services.notify.domain.dispatches import Dispatch
from services.notify.domain.entities import Cause, Contact
from services.notify.domain.limits import Firing, KnownAlert
from services.notify.domain.planning import Planner, missing_steps, seconds_to_wait
from services.notify.domain.snapshots import AlertPart, ProfilePart, cause_of
from services.notify.handlers.announcing import Announcing, ChangedAlert
from shared.clock import Clock
from shared.contracts import Snapshot
from shared.pipeline import Outcome, Publication, Received
from shared.postgres import Connection

T = TypeVar("T")


class PlanningStore(Protocol):
    """What planning needs of the store."""

    async def get_contact_versions(self, customer_ids: Sequence[str]) -> Mapping[str, int]: ...
    async def upsert_contacts(self, profiles: Sequence[tuple[int, ProfilePart]]) -> set[str]: ...
    async def get_contacts(self, customer_ids: Sequence[str]) -> Mapping[str, Contact]: ...
    async def get_known_alerts(self, alert_ids: Sequence[str]) -> Mapping[str, KnownAlert]: ...
    async def upsert_alerts(self, alerts: Sequence[tuple[KnownAlert, str, Cause]]) -> set[str]: ...
    async def claim_waiting_alerts(self, limit: int) -> Sequence[tuple[str, Cause]]: ...
    async def set_alert_waits(self, seconds: Mapping[str, float | None]) -> None: ...
    async def get_firings(self, alert_ids: Sequence[str]) -> Mapping[str, Sequence[Firing]]: ...
    async def list_planned_steps(self, alert_ids: Sequence[str]) -> Mapping[str, Collection[tuple[str, str]]]: ...
    async def list_notifications_of_alerts(self, alert_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes]]: ...
    async def upsert_notifications(self, dispatches: Sequence[Dispatch], now: datetime) -> Mapping[str, int]: ...


class Planning:
    """Handles what arrives, in the transaction of whoever calls; never commits. Safe to repeat."""

    def __init__(
        self, store: Callable[[Connection], PlanningStore], *, planner: Planner, announcing: Announcing, clock: Clock
    ) -> None:
        self._store = store
        self._planner = planner
        self._announcing = announcing
        self._clock = clock

    async def on_profiles(self, connection: Connection, records: Sequence[Received[Snapshot[ProfilePart]]]) -> Outcome:
        """Keep the newest profile of each customer. Publishes nothing: no notification belongs to a profile."""
        store = self._store(connection)
        newest = _newest([record.value for record in records])
        before = await store.get_contact_versions(list(newest))
        changed = await store.upsert_contacts([(entry.version, entry.data) for entry in newest.values()])
        return _outcome([record.value for record in records], before, changed, [])

    async def on_alerts(self, connection: Connection, records: Sequence[Received[Snapshot[AlertPart]]]) -> Outcome:
        """Keep the newest state of each alert and plan the steps it calls for; all its notifications are published.

        What is new in its history is owed to webhooks.
        """
        store = self._store(connection)
        newest = _newest([record.value for record in records])
        known = await store.get_known_alerts(list(newest))
        causes = {alert_id: cause_of(entry.data, entry.time) for alert_id, entry in newest.items()}
        changed = await store.upsert_alerts(
            [
                (KnownAlert(entry.version, len(entry.data.history)), entry.correlationid, causes[alert_id])
                for alert_id, entry in newest.items()
            ]
        )
        await self._announcing.alerts(
            connection,
            [
                ChangedAlert(record.value, record.raw, known[alert_id].acts if alert_id in known else 0)
                for record in records
                if (alert_id := record.value.subject) in changed and newest[alert_id] is record.value
            ],
        )
        await self._plan(
            store,
            [(newest[alert_id].correlationid, cause) for alert_id, cause in causes.items() if alert_id in changed],
            may_wait=True,
        )
        stored = await store.list_notifications_of_alerts(list(newest))
        before = {alert_id: entry.version for alert_id, entry in known.items()}
        return _outcome([record.value for record in records], before, changed, [Publication(*row) for row in stored])

    async def plan_waiting(self, connection: Connection, limit: int) -> tuple[int, Mapping[str, int]]:
        """Plan alerts whose contact has come, or will not; returns how many, and the versions of what is new."""
        store = self._store(connection)
        waiting = await store.claim_waiting_alerts(limit)
        return len(waiting), await self._plan(store, waiting, may_wait=False)

    async def _plan(
        self, store: PlanningStore, causes: Sequence[tuple[str, Cause]], *, may_wait: bool
    ) -> Mapping[str, int]:
        """`causes` come with the correlation id of what led to them; their alert rows are locked."""
        alert_ids = [cause.alert_id for _, cause in causes]
        if not alert_ids:
            return {}
        planned = await store.list_planned_steps(alert_ids)
        contacts = await store.get_contacts(sorted({cause.customer_id for _, cause in causes}))
        firings = await store.get_firings(alert_ids)
        now = self._clock.now()
        waits: dict[str, float | None] = {}
        fresh: list[Dispatch] = []
        for correlation_id, cause in causes:
            done, contact = planned.get(cause.alert_id, ()), contacts.get(cause.customer_id)
            wait = seconds_to_wait(cause, contact) if may_wait and missing_steps(cause, done) else None
            waits[cause.alert_id] = wait
            if wait is None:
                told = {entry.step: entry.recipient for entry in reversed(firings.get(cause.alert_id, ()))}
                fresh += [
                    Dispatch(notification=notification, correlation_id=correlation_id, due_in=NOW)
                    for notification in self._planner.plan(cause, contact, planned=done, told=told, now=now)
                ]
        await store.set_alert_waits(waits)
        return await store.upsert_notifications(fresh, now)


def _newest(snapshots: Sequence[Snapshot[T]]) -> dict[str, Snapshot[T]]:
    newest: dict[str, Snapshot[T]] = {}
    for snapshot in snapshots:
        known = newest.get(snapshot.subject)
        if known is None or known.version < snapshot.version:
            newest[snapshot.subject] = snapshot
    return newest


def _outcome(
    snapshots: Sequence[Snapshot[T]], before: Mapping[str, int], changed: set[str], publications: Sequence[Publication]
) -> Outcome:
    """Each record is applied, or older than what is known, or the same as what is known."""
    newest = {entity_id: entry.version for entity_id, entry in _newest(snapshots).items()}
    duplicate = stale = 0
    applied: set[str] = set()
    for snapshot in snapshots:
        entity_id, version = snapshot.subject, snapshot.version
        best = max(newest[entity_id], before.get(entity_id, version))
        if version < best:
            stale += 1
        elif entity_id in changed and entity_id not in applied:
            applied.add(entity_id)
        else:
            duplicate += 1
    return Outcome(publications, applied=len(applied), duplicate=duplicate, stale=stale)
