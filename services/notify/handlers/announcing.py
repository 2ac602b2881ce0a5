"""Owes webhooks what they subscribed to, in the transaction that stores the alert or the notification."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from services.notify.domain.entities import Cause, Notification
from services.notify.domain.events import Event, event_of_notification, events_of_alert
from services.notify.domain.snapshots import AlertPart
from services.notify.domain.webhooks import Webhook
from services.notify.metrics import NotifyMetrics
from shared.clock import Clock
from shared.contracts import Snapshot
from shared.postgres import Connection

_PII = "pii"


class AnnouncingStore(Protocol):
    """What announcing needs of the store."""

    async def list_enabled_webhooks(self) -> Sequence[Webhook]: ...
    async def append_deliveries(self, told: Sequence[tuple[str, Event, bytes]]) -> int: ...


@dataclass(frozen=True, slots=True)
class ChangedAlert:
    """A newer snapshot of an alert: as read, as it came, and how long its history was before (None: not noted)."""

    snapshot: Snapshot[AlertPart]
    raw: bytes
    seen: int | None


class Announcing:
    """Makes deliveries of what happened. Safe to repeat: ids follow from what happened.

    Where nobody subscribed this is one look at an empty table.
    """

    def __init__(
        self,
        store: Callable[[Connection], AnnouncingStore],
        *,
        default_owner: str,
        clock: Clock,
        metrics: NotifyMetrics,
    ) -> None:
        self._store = store
        self._default_owner = default_owner
        self._clock = clock
        self._metrics = metrics

    async def alerts(self, connection: Connection, changed: Sequence[ChangedAlert]) -> None:
        """One event for each entry of their histories that is new."""
        if not changed:
            return
        store = self._store(connection)
        webhooks = await store.list_enabled_webhooks()
        if not webhooks:
            return
        told: list[tuple[str, Event, bytes]] = []
        for alert in changed:
            events = events_of_alert(
                alert.snapshot.data,
                seen=alert.seen,
                changed_at=alert.snapshot.time,
                default_owner=self._default_owner,
            )
            wanted = self._wanted(webhooks, events)
            data = _as_shown(alert.raw) if wanted else None
            for event, webhook_ids in wanted:
                body = _body(event, data)
                told += [(webhook_id, event, body) for webhook_id in webhook_ids]
        await self._tell(store, told)

    async def notifications(
        self, connection: Connection, changed: Sequence[tuple[str | None, Notification]], causes: Mapping[str, Cause]
    ) -> None:
        """One event for each notification whose status was (the first of each pair) another; `causes` by alert."""
        now = self._clock.now()
        events = {
            event: entry
            for before, entry in changed
            if (
                event := event_of_notification(
                    before, entry, causes[entry.alert_id], now=now, default_owner=self._default_owner
                )
            )
            is not None
        }
        if not events:
            return
        store = self._store(connection)
        webhooks = await store.list_enabled_webhooks()
        told: list[tuple[str, Event, bytes]] = []
        for event, webhook_ids in self._wanted(webhooks, list(events)):
            body = _body(event, events[event])
            told += [(webhook_id, event, body) for webhook_id in webhook_ids]
        await self._tell(store, told)

    def _wanted(self, webhooks: Sequence[Webhook], events: Sequence[Event]) -> list[tuple[Event, list[str]]]:
        """Those that somebody is to be told of, with who that is."""
        now = self._clock.now()
        found = []
        for event in events:
            if not event.is_stale(now):
                webhook_ids = [webhook.webhook_id for webhook in webhooks if webhook.wants(event)]
                if webhook_ids:
                    found.append((event, webhook_ids))
        return found

    async def _tell(self, store: AnnouncingStore, told: Sequence[tuple[str, Event, bytes]]) -> None:
        if told:
            self._metrics.webhook_events.inc(await store.append_deliveries(told))


def _body(event: Event, data: Any) -> bytes:
    """What is sent, and sent again."""
    return msgspec.json.encode({"type": event.type, "timestamp": event.at, "data": data})


def _as_shown(raw: bytes) -> dict[str, Any]:
    """The alert as its API shows it, whatever fields it has, without personal data at any depth."""
    snapshot = msgspec.json.decode(raw)
    shown = _without_pii(snapshot["data"])
    assert isinstance(shown, dict)
    return {**shown, "version": snapshot["version"]}


def _without_pii(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_pii(item) for key, item in value.items() if key != _PII}
    if isinstance(value, list):
        return [_without_pii(item) for item in value]
    return value
