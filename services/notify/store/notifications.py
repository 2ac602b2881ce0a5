"""Contacts and alerts as read, notifications as decided, suppressions. Never commits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from services.notify.domain.attempts import LEASE_SECONDS
from services.notify.domain.dispatches import Dispatch
from services.notify.domain.entities import MARKETING_CONSENT, Cause, Contact, Notification
from services.notify.domain.limits import Firing, KnownAlert, Limits, NotificationFilter
from services.notify.domain.snapshots import ProfilePart
from shared.contracts import Pii, Snapshot
from shared.ids import next_version
from shared.pii import open_pii
from shared.postgres import Store, load_queries

SQL = Path(__file__).parents[1] / "sql"
_QUERIES = load_queries(SQL / "queries.sql")
_SNAPSHOTS = msgspec.json.Decoder(Snapshot[Notification])
_CAUSES = msgspec.json.Decoder(Cause)
_PII = msgspec.json.Decoder(Pii)

SOURCE = "ebbtide/notify"
TYPE = "ebbtide.notification"


class NotifyStore(Store):
    """One unit of work on notify's database."""

    # --- contacts

    async def get_contact_versions(self, customer_ids: Sequence[str]) -> dict[str, int]:
        rows = await self.connection.fetch(_QUERIES.get_contact_versions, list(customer_ids))
        return {str(row["customer_id"]): row["version"] for row in rows}

    async def upsert_contacts(self, profiles: Sequence[tuple[int, ProfilePart]]) -> set[str]:
        """Store these versions where they are newer; returns the customers that changed."""
        consents = [profile.consent.get(MARKETING_CONSENT) for _, profile in profiles]
        rows = await self.connection.fetch(
            _QUERIES.upsert_contacts,
            [profile.customer_id for _, profile in profiles],
            [version for version, _ in profiles],
            [profile.status for _, profile in profiles],
            [profile.merged_into for _, profile in profiles],
            [profile.owner.staff_id if profile.owner else None for _, profile in profiles],
            [profile.locale for _, profile in profiles],
            [profile.zone for _, profile in profiles],
            [consent.granted if consent else None for consent in consents],
            [consent.time if consent else None for consent in consents],
            [profile.references[0] if profile.references else None for _, profile in profiles],
            [msgspec.json.encode(profile.pii) if profile.pii else None for _, profile in profiles],
        )
        return {str(row["customer_id"]) for row in rows}

    async def get_contacts(self, customer_ids: Sequence[str]) -> dict[str, Contact]:
        """By the id asked for; of a merged customer, whom they were merged into."""
        rows = await self.connection.fetch(_QUERIES.get_contacts, list(customer_ids))
        return {str(row["asked_id"]): _contact(row) for row in rows}

    async def lock_contacts(self, customer_ids: Sequence[str]) -> None:
        await self.connection.fetch(_QUERIES.lock_contacts, list(customer_ids))

    async def get_customer_limits(self, customer_ids: Sequence[str]) -> dict[str, Limits]:
        rows = await self.connection.fetch(_QUERIES.get_customer_limits, list(customer_ids), MARKETING_CONSENT)
        return {str(row["root_id"]): Limits(row["unsubscribed_at"], row["last_win_back_at"]) for row in rows}

    async def append_suppression(self, customer_id: str, at: datetime) -> bool:
        """Whether it is news."""
        return bool(await self.connection.fetchval(_QUERIES.append_suppression, customer_id, MARKETING_CONSENT, at))

    async def append_outbox(self, event: Mapping[str, Any]) -> None:
        """Owe the inbound topic this act, a CloudEvent; one that was told before is not owed again."""
        await self.connection.execute(_QUERIES.append_outbox, event["id"], event["subject"], msgspec.json.encode(event))

    async def list_outbox(self, limit: int) -> list[tuple[str, str, bytes]]:
        """(id, reference, event) of what is owed, oldest first."""
        rows = await self.connection.fetch(_QUERIES.list_outbox, limit)
        return [(str(row["event_id"]), row["reference"], row["event"]) for row in rows]

    async def settle_outbox(self, event_ids: Sequence[str]) -> None:
        """These are on the topic."""
        await self.connection.execute(_QUERIES.settle_outbox, list(event_ids))

    # --- alerts

    async def get_known_alerts(self, alert_ids: Sequence[str]) -> dict[str, KnownAlert]:
        rows = await self.connection.fetch(_QUERIES.get_known_alerts, list(alert_ids))
        return {str(row["alert_id"]): KnownAlert(row["version"], row["acts"]) for row in rows}

    async def upsert_alerts(self, alerts: Sequence[tuple[KnownAlert, str, Cause]]) -> set[str]:
        """Store (what is known now, correlation id, cause) where newer, and lock the rows; returns what changed."""
        rows = await self.connection.fetch(
            _QUERIES.upsert_alerts,
            [cause.alert_id for _, _, cause in alerts],
            [known.version for known, _, _ in alerts],
            [cause.customer_id for _, _, cause in alerts],
            [cause.cause_version for _, _, cause in alerts],
            [cause.succeeds for _, _, cause in alerts],
            [msgspec.json.encode(cause) for _, _, cause in alerts],
            [correlation_id for _, correlation_id, _ in alerts],
            [known.acts for known, _, _ in alerts],
        )
        return {str(row["alert_id"]) for row in rows}

    async def claim_waiting_alerts(self, limit: int) -> list[tuple[str, Cause]]:
        """(correlation id, cause) of alerts that need not wait for their contact any longer."""
        rows = await self.connection.fetch(_QUERIES.claim_waiting_alerts, limit)
        return [(row["correlation_id"], _CAUSES.decode(row["cause"])) for row in rows]

    async def set_alert_waits(self, seconds: Mapping[str, float | None]) -> None:
        await self.connection.execute(_QUERIES.set_alert_waits, list(seconds), list(seconds.values()))

    async def get_causes(self, alert_ids: Sequence[str]) -> dict[str, Cause]:
        rows = await self.connection.fetch(_QUERIES.get_causes, list(alert_ids))
        return {str(row["alert_id"]): _CAUSES.decode(row["cause"]) for row in rows}

    async def get_firings(self, alert_ids: Sequence[str]) -> dict[str, list[Firing]]:
        """Who was to be told of the firing, own notifications first, then those of the alerts it succeeds."""
        firings: dict[str, list[Firing]] = {}
        for row in await self.connection.fetch(_QUERIES.get_firings, list(alert_ids)):
            firings.setdefault(str(row["asked_id"]), []).append(
                Firing(str(row["notification_id"]), row["step"], row["recipient"], row["status"])
            )
        return firings

    # --- notifications

    async def list_planned_steps(self, alert_ids: Sequence[str]) -> dict[str, set[tuple[str, str]]]:
        """(transition, step) of everything planned, by alert."""
        steps: dict[str, set[tuple[str, str]]] = {}
        for row in await self.connection.fetch(_QUERIES.list_planned_steps, list(alert_ids)):
            steps.setdefault(str(row["alert_id"]), set()).add((row["transition"], row["step"]))
        return steps

    async def list_notifications_of_alerts(self, alert_ids: Sequence[str]) -> list[tuple[str, int, bytes]]:
        """(id, version, snapshot) of everything decided about these alerts."""
        rows = await self.connection.fetch(_QUERIES.list_notifications_of_alerts, list(alert_ids))
        return [(str(row["notification_id"]), row["version"], row["snapshot"]) for row in rows]

    async def list_due(self, now: datetime, limit: int) -> list[tuple[str, str, str]]:
        """(id, customer, step) of what is due; not locked."""
        rows = await self.connection.fetch(_QUERIES.list_due, now, limit)
        return [(str(row["notification_id"]), str(row["customer_id"]), row["step"]) for row in rows]

    async def claim_due(self, notification_ids: Sequence[str]) -> list[Dispatch]:
        """Those of them that are still due, locked."""
        return [_dispatch(row) for row in await self.connection.fetch(_QUERIES.claim_due, list(notification_ids))]

    async def claim_attempts(self, tokens: Mapping[str, str]) -> list[Dispatch]:
        """What the tokens of these notifications stand for, locked; without what is not ours to close any more."""
        rows = await self.connection.fetch(_QUERIES.claim_attempts, list(tokens), list(tokens.values()))
        return [_dispatch(row) for row in rows]

    async def upsert_notifications(self, dispatches: Sequence[Dispatch], now: datetime) -> dict[str, int]:
        """Store their new state under new versions, which are returned. Their rows are locked, or new."""
        if not dispatches:
            return {}
        micros = int(await self.connection.fetchval(_QUERIES.get_database_micros))
        versions = [next_version(dispatch.version, micros) for dispatch in dispatches]
        entries = [dispatch.notification for dispatch in dispatches]
        await self.connection.execute(
            _QUERIES.upsert_notifications,
            [entry.notification_id for entry in entries],
            versions,
            [_snapshot(dispatch, version, now) for dispatch, version in zip(dispatches, versions, strict=True)],
            [entry.alert_id for entry in entries],
            [entry.customer_id for entry in entries],
            [entry.transition for entry in entries],
            [entry.step for entry in entries],
            [entry.recipient for entry in entries],
            [entry.status for entry in entries],
            [entry.reason for entry in entries],
            [entry.cause_at for entry in entries],
            [entry.decided_at for entry in entries],
            [entry.held_until for entry in entries],
            [dispatch.due_in for dispatch in dispatches],
            [dispatch.token for dispatch in dispatches],
            [dispatch.uncertain for dispatch in dispatches],
            [dispatch.contact_id for dispatch in dispatches],
        )
        return {entry.notification_id: version for entry, version in zip(entries, versions, strict=True)}

    async def restore_notifications(self, payloads: Sequence[bytes]) -> int:
        """Take over, byte for byte, what is newer than what is stored; returns how many that were.

        Settled ones stay settled; the others are due when an attempt that was under way is over.
        """
        snapshots = [_SNAPSHOTS.decode(payload) for payload in payloads]
        entries = [snapshot.data for snapshot in snapshots]
        columns = (
            [entry.notification_id for entry in entries],
            [snapshot.version for snapshot in snapshots],
            list(payloads),
            [entry.alert_id for entry in entries],
            [entry.customer_id for entry in entries],
            [entry.transition for entry in entries],
            [entry.step for entry in entries],
            [entry.recipient for entry in entries],
            [entry.status for entry in entries],
            [entry.reason for entry in entries],
            [entry.cause_at for entry in entries],
            [entry.decided_at for entry in entries],
            [entry.held_until for entry in entries],
        )
        return len(await self.connection.fetch(_QUERIES.restore_notifications, *columns, LEASE_SECONDS))

    async def wake_closings(self, alert_ids: Sequence[str]) -> None:
        """What waited for the firing of these alerts to settle is due."""
        await self.connection.execute(_QUERIES.wake_closings, list(alert_ids))

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]:
        rows = await self.connection.fetch(_QUERIES.get_versions, list(entity_ids))
        return {str(row["notification_id"]): row["version"] for row in rows}

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]:
        rows = await self.connection.fetch(_QUERIES.get_snapshots, list(entity_ids))
        return [(str(row["notification_id"]), row["version"], row["snapshot"]) for row in rows]

    async def append_owed(self, after: str, limit: int) -> str | None:
        """Owe the topic the next so many entities in key order; returns the last, None when there are no more."""
        last = await self.connection.fetchval(_QUERIES.append_owed, after, limit)
        return str(last) if last is not None else None

    async def get_notification(self, notification_id: str) -> Notification | None:
        snapshot = await self.connection.fetchval(_QUERIES.get_notification, notification_id)
        return _SNAPSHOTS.decode(snapshot).data if snapshot is not None else None

    async def list_notifications(
        self, wanted: NotificationFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Notification]:
        """Newest cause first, beginning after the (cause_at, id) given."""
        rows = await self.connection.fetch(
            _QUERIES.list_notifications, *_arguments(wanted), *(after or (None, None)), limit
        )
        return [_SNAPSHOTS.decode(row["snapshot"]).data for row in rows]

    async def count_notifications(self, wanted: NotificationFilter) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_notifications, *_arguments(wanted)))


def _arguments(wanted: NotificationFilter) -> tuple[Any, ...]:
    return (wanted.alert_id, wanted.customer_id, wanted.status, wanted.reason, wanted.since)


def _snapshot(dispatch: Dispatch, version: int, now: datetime) -> bytes:
    entry = dispatch.notification
    return msgspec.json.encode(
        Snapshot(
            id=f"{entry.notification_id}:{version}",
            source=SOURCE,
            type=TYPE,
            subject=entry.notification_id,
            time=now,
            version=version,
            correlationid=dispatch.correlation_id,
            data=entry,
        )
    )


def _dispatch(row: asyncpg.Record) -> Dispatch:
    snapshot = _SNAPSHOTS.decode(row["snapshot"])
    return Dispatch(
        notification=snapshot.data,
        version=row["version"],
        correlation_id=snapshot.correlationid,
        token=str(row["token"]) if row["token"] else None,
        uncertain=row["uncertain"],
        contact_id=str(row["contact_id"]) if row["contact_id"] else None,
        age_seconds=row["age_seconds"],
    )


def _contact(row: asyncpg.Record) -> Contact:
    known = open_pii(_PII.decode(row["pii"])) if row["pii"] is not None else {}
    return Contact(
        customer_id=str(row["customer_id"]),
        status=row["status"],
        asked_version=row["asked_version"],
        owner_id=row["owner_id"],
        locale=row["locale"],
        zone=row["zone"],
        consent=row["consent"],
        consent_at=row["consent_at"],
        reference=row["reference"],
        name=_text(known.get("name")),
        address=_text(known.get("email")),
    )


def _text(said: Any) -> str | None:
    """What profiles stores is the value with its source and time; a bare value is taken as well."""
    value = said.get("value") if isinstance(said, dict) else said
    return value.strip() or None if isinstance(value, str) else None
