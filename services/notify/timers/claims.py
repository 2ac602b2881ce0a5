"""The two transactions around an attempt: decide and commit `sending` before it, commit what came of it after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import structlog

from services.notify.domain.attempts import Attempt, Outcome, Unknown, judge
from services.notify.domain.decisions import Drop, Hold, Situation, decide
from services.notify.domain.dispatches import Dispatch, attempted, dropped, held, settled
from services.notify.domain.entities import WIN_BACK_STEP, Cause, Contact, Staff
from services.notify.domain.limits import Firing, Limits
from services.notify.handlers import Announcing
from services.notify.metrics import NotifyMetrics
from shared.pipeline import append_to_publish
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)


class ClaimingStore(Protocol):
    """What claiming needs of the store."""

    async def list_due(self, now: datetime, limit: int) -> Sequence[tuple[str, str, str]]: ...
    async def claim_due(self, notification_ids: Sequence[str]) -> list[Dispatch]: ...
    async def claim_attempts(self, tokens: Mapping[str, str]) -> list[Dispatch]: ...
    async def get_contacts(self, customer_ids: Sequence[str]) -> Mapping[str, Contact]: ...
    async def lock_contacts(self, customer_ids: Sequence[str]) -> None: ...
    async def get_causes(self, alert_ids: Sequence[str]) -> Mapping[str, Cause]: ...
    async def get_firings(self, alert_ids: Sequence[str]) -> Mapping[str, Sequence[Firing]]: ...
    async def get_customer_limits(self, customer_ids: Sequence[str]) -> Mapping[str, Limits]: ...
    async def upsert_notifications(self, dispatches: Sequence[Dispatch], now: datetime) -> Mapping[str, int]: ...
    async def wake_closings(self, alert_ids: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """An attempt that is committed as `sending` and has to be made now."""

    dispatch: Dispatch
    cause: Cause
    contact: Contact | None

    @property
    def token(self) -> str:
        return self.dispatch.token or ""


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the decisions of one batch are made on; what is decided in the batch is added."""

    contacts: Mapping[str, Contact]
    causes: Mapping[str, Cause]
    firings: Mapping[str, Sequence[Firing]]
    limits: dict[str, Limits]
    statuses: dict[str, Dispatch]


class Claims:
    """Claims due notifications and closes attempts. Several processes may do so on one store."""

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection], ClaimingStore],
        *,
        staff: Staff,
        customer_sends: bool,
        announcing: Announcing,
        metrics: NotifyMetrics,
    ) -> None:
        self._database = database
        self._store = store
        self._staff = staff
        self._customer_sends = customer_sends
        self._announcing = announcing
        self._metrics = metrics

    async def claim(self, now: datetime, attempts: int, *, decisions: int | None = None) -> tuple[int, list[Task]]:
        """Decide about what is due: how many were decided, and those to send. Committed when this returns.

        Stops at so many `attempts`, which take seconds, or at so many `decisions` (as many, unless told otherwise): of
        a history just imported nearly everything is only dropped.

        Muting sends while a store is rebuilt belongs here: claim nothing until notifications.v1 is read back.
        """
        async with self._database.transaction() as connection:
            store = self._store(connection)
            candidates = await store.list_due(now, decisions or attempts)
            if not candidates:
                return 0, []
            claimable, contacts = await self._lock_customers(store, candidates)
            dispatches = await store.claim_due(claimable)
            around = await self._look_around(store, dispatches, contacts)
            # Firings first: a closing in the same batch sees what was decided about its firing.
            dispatches.sort(key=lambda entry: entry.notification.transition != "fired")
            decided: list[Dispatch] = []
            for dispatch in dispatches:
                decided.append(self._decided(dispatch, around, now))
                attempts -= decided[-1].token is not None
                if attempts <= 0:
                    break
            await _store(connection, store, decided, now)
            await self._announce(connection, dispatches, decided, around.causes)
        for dispatch in decided:
            self._book(dispatch)
        tasks = [
            Task(dispatch, around.causes[entry.alert_id], contacts.get(entry.customer_id))
            for dispatch in decided
            if dispatch.token is not None and (entry := dispatch.notification)
        ]
        return len(decided), tasks

    async def complete(self, ended: Sequence[tuple[Task, Attempt]], now: datetime) -> None:
        """Store what came of attempts, but for those whose lease ended and somebody else went on."""
        attempts = {task.dispatch.notification.notification_id: attempt for task, attempt in ended}
        async with self._database.transaction() as connection:
            store = self._store(connection)
            ours = await store.claim_attempts(
                {task.dispatch.notification.notification_id: task.token for task, _ in ended}
            )
            after = []
            for dispatch in ours:
                attempt = attempts.pop(dispatch.notification.notification_id)
                after.append(settled(dispatch, judge(attempt, dispatch.trial), attempt.code, now))
            await _store(connection, store, after, now)
            await self._announce(connection, ours, after, {task.cause.alert_id: task.cause for task, _ in ended})
        for notification_id, attempt in attempts.items():
            self._metrics.leases_lost.inc()
            log.warning("lease_lost", notification_id=notification_id, outcome=attempt.outcome)
        for dispatch in after:
            self._book(dispatch)

    async def _announce(
        self,
        connection: Connection,
        before: Sequence[Dispatch],
        after: Sequence[Dispatch],
        causes: Mapping[str, Cause],
    ) -> None:
        """Owe webhooks the statuses that changed; `before` may go on after the end of `after`."""
        changed = [(old.notification.status, new.notification) for old, new in zip(before, after, strict=False)]
        await self._announcing.notifications(connection, changed, causes)

    async def _lock_customers(
        self, store: ClaimingStore, candidates: Sequence[tuple[str, str, str]]
    ) -> tuple[list[str], Mapping[str, Contact]]:
        """Lock the customers that win-backs would go to, so that two processes cannot both be the first."""
        customer_ids = sorted({customer_id for _, customer_id, _ in candidates})
        contacts = await store.get_contacts(customer_ids)
        to_customers = {customer_id for _, customer_id, step in candidates if step == WIN_BACK_STEP}
        locked = sorted({contacts[customer_id].customer_id for customer_id in to_customers & contacts.keys()})
        if not locked:
            return [notification_id for notification_id, _, _ in candidates], contacts
        await store.lock_contacts(locked)
        contacts = await store.get_contacts(customer_ids)
        # Merged into somebody else between the two reads: the next round locks the right one.
        moved = {
            customer_id
            for customer_id in to_customers & contacts.keys()
            if contacts[customer_id].customer_id not in locked
        }
        return [
            entry for entry, customer, step in candidates if step != WIN_BACK_STEP or customer not in moved
        ], contacts

    async def _look_around(
        self, store: ClaimingStore, dispatches: Sequence[Dispatch], contacts: Mapping[str, Contact]
    ) -> _Surroundings:
        entries = [dispatch.notification for dispatch in dispatches]
        closings = sorted({entry.alert_id for entry in entries if entry.transition == "closed"})
        roots = {contacts[e.customer_id].customer_id for e in entries if e.to_customer and e.customer_id in contacts}
        return _Surroundings(
            contacts=contacts,
            causes=await store.get_causes(sorted({entry.alert_id for entry in entries})),
            firings=await store.get_firings(closings) if closings else {},
            limits=dict(await store.get_customer_limits(sorted(roots))) if roots else {},
            statuses={},
        )

    def _decided(self, dispatch: Dispatch, around: _Surroundings, now: datetime) -> Dispatch:
        entry = dispatch.notification
        contact = around.contacts.get(entry.customer_id)
        contact_id = contact.customer_id if contact is not None and entry.to_customer else None
        if entry.status == "sending" or dispatch.uncertain:
            after = _repeated(dispatch, contact_id, now)
        else:
            situation = self._situation(dispatch, around, contact)
            match decide(entry, situation, now):
                case Drop(reason):
                    after = dropped(dispatch, reason, now)
                case Hold(reason, until):
                    after = held(dispatch, reason, until, now)
                case _:
                    after = attempted(dispatch, str(uuid4()), contact_id, now)
        if contact_id is not None and after.token is not None:
            around.limits[contact_id] = replace(around.limits.get(contact_id, Limits()), last_win_back_at=now)
        around.statuses[entry.notification_id] = after
        return after

    def _situation(self, dispatch: Dispatch, around: _Surroundings, contact: Contact | None) -> Situation:
        entry = dispatch.notification
        limits = around.limits.get(contact.customer_id, Limits()) if contact is not None else Limits()
        return Situation(
            cause=around.causes[entry.alert_id],
            contact=contact,
            firings=[
                known.notification.status if (known := around.statuses.get(firing.notification_id)) else firing.status
                for firing in around.firings.get(entry.alert_id, ())
                if firing.recipient == entry.recipient
            ],
            staff_known=not entry.to_customer and entry.recipient_id in self._staff.members,
            customer_sends=self._customer_sends,
            unsubscribed_at=limits.unsubscribed_at,
            last_win_back_at=limits.last_win_back_at,
        )

    def _book(self, dispatch: Dispatch) -> None:
        entry = dispatch.notification
        if dispatch.due_in is None:
            self._metrics.count_settled(entry)
        say = log.debug if entry.status == "sending" else log.info
        say(
            "notification",
            notification_id=entry.notification_id,
            alert_id=entry.alert_id,
            step=entry.step,
            transition=entry.transition,
            status=entry.status,
            reason=entry.reason,
            correlation_id=dispatch.correlation_id,
        )


async def _store(connection: Connection, store: ClaimingStore, dispatches: Sequence[Dispatch], now: datetime) -> None:
    """Store, owe to the topic, and wake the closings that waited for a firing settled here."""
    await append_to_publish(connection, await store.upsert_notifications(dispatches, now))
    settled_firings = [
        dispatch.notification.alert_id
        for dispatch in dispatches
        if dispatch.due_in is None and dispatch.notification.transition == "fired"
    ]
    if settled_firings:
        await store.wake_closings(settled_firings)


def _repeated(dispatch: Dispatch, contact_id: str | None, now: datetime) -> Dispatch:
    """An earlier attempt may have arrived: staff get it again under the same Message-ID, customers do not."""
    verdict = judge(Attempt(Outcome.UNCERTAIN), dispatch.trial)
    if isinstance(verdict, Unknown):
        return settled(dispatch, verdict, None, now)
    return attempted(replace(dispatch, uncertain=True), str(uuid4()), contact_id, now)
