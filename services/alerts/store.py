"""Subjects, alerts and rule versions in PostgreSQL; one store object per transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from services.alerts.domain.entities import Alert, Subject
from services.alerts.domain.rulings import Applied
from services.alerts.handlers import DueSubject, Held, Kept, Search, Stored
from shared.contracts import Snapshot
from shared.errors import StaleReadError
from shared.postgres import Store, load_queries

_QUERIES = load_queries(Path(__file__).parent / "sql" / "queries.sql")
_SEPARATOR = "\x1f"
_ENCODER = msgspec.json.Encoder()
_SUBJECTS = msgspec.json.Decoder(Subject)
_ALERTS = msgspec.json.Decoder(Snapshot[Alert])
_NOBODY = "00000000-0000-0000-0000-000000000000"


class AlertsStore(Store):
    """One unit of work; see `sql/queries.sql` for what each statement does."""

    async def get_versions(self, entity_ids: Sequence[str]) -> Mapping[str, int]:
        rows = await self.connection.fetch(_QUERIES.get_versions, list(entity_ids))
        return {str(row["alert_id"]): row["version"] for row in rows}

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]:
        rows = await self.connection.fetch(_QUERIES.get_snapshots, list(entity_ids))
        return [(str(row["alert_id"]), row["version"], row["snapshot"]) for row in rows]

    async def append_owed(self, after: str, limit: int) -> str | None:
        """Owe the topic the next so many entities in key order; returns the last, None when there are no more."""
        last = await self.connection.fetchval(_QUERIES.append_owed, after, limit)
        return str(last) if last is not None else None

    async def get_database_micros(self) -> int:
        return int(await self.connection.fetchval(_QUERIES.get_database_micros))

    # --- subjects

    async def lock_subjects(self, topic: str, customer_ids: Sequence[str]) -> dict[str, Kept]:
        rows = await self.connection.fetch(_QUERIES.lock_subjects, topic, list(customer_ids))
        return {str(row["customer_id"]): Kept(row["version"], _references(row["references"])) for row in rows}

    async def upsert_subjects(self, topic: str, subjects: Sequence[DueSubject], rules_version: str) -> None:
        """Store newer snapshots, in key order. Raises StaleReadError when another process was faster."""
        written = await self.connection.execute(
            _QUERIES.upsert_subjects,
            topic,
            [entry.subject.customer_id for entry in subjects],
            [entry.subject.version for entry in subjects],
            [_SEPARATOR.join(sorted(entry.subject.references)) for entry in subjects],
            [_ENCODER.encode(entry.subject) for entry in subjects],
            [entry.next_at for entry in subjects],
            rules_version,
        )
        if written != f"INSERT 0 {len(subjects)}":
            raise StaleReadError("another process has decided some of these customers")

    async def update_next(self, topic: str, subjects: Sequence[DueSubject], rules_version: str) -> None:
        ids = [entry.subject.customer_id for entry in subjects]
        await self.connection.execute(
            _QUERIES.update_next, topic, ids, [entry.next_at for entry in subjects], rules_version
        )

    async def wake_subjects(self, topic: str, customer_ids: Sequence[str], at: datetime) -> None:
        await self.connection.execute(_QUERIES.wake_subjects, topic, list(customer_ids), at)

    async def list_references(self, customer_ids: Sequence[str]) -> dict[str, Held]:
        rows = await self.connection.fetch(_QUERIES.list_references, list(customer_ids))
        return {
            str(row["customer_id"]): Held(row["references_version"], row["version"], _references(row["references"]))
            for row in rows
        }

    async def claim_due_subjects(self, topic: str, now: datetime, limit: int) -> list[DueSubject]:
        rows = await self.connection.fetch(_QUERIES.claim_due_subjects, topic, now, limit)
        return [DueSubject(_SUBJECTS.decode(row["body"]), row["next_at"]) for row in rows]

    async def claim_outdated_subjects(
        self, topic: str, after: str | None, rules_version: str, limit: int
    ) -> list[DueSubject]:
        rows = await self.connection.fetch(
            _QUERIES.claim_outdated_subjects, topic, after or _NOBODY, rules_version, limit
        )
        return [DueSubject(_SUBJECTS.decode(row["body"]), None) for row in rows]

    # --- alerts

    async def lock_alerts(
        self, references: Sequence[str], customer_ids: Sequence[str], rule_ids: Sequence[str]
    ) -> list[Stored]:
        return await self._alerts(_QUERIES.lock_alerts, list(references), list(customer_ids), list(rule_ids))

    async def list_alerts_of_references(
        self, references: Sequence[str], customer_ids: Sequence[str], rule_ids: Sequence[str]
    ) -> list[Stored]:
        return await self._alerts(
            _QUERIES.list_alerts_of_references, list(references), list(customer_ids), list(rule_ids)
        )

    async def insert_alerts(self, snapshots: Sequence[Snapshot[Alert]]) -> dict[str, bytes]:
        """Store new alerts. Raises StaleReadError when one of them is there already."""
        encoded, columns = _columns(snapshots)
        written = await self.connection.fetch(_QUERIES.insert_alerts, *columns)
        if len(written) < len(snapshots):
            raise StaleReadError(f"{len(snapshots) - len(written)} alerts were raised by another process")
        return encoded

    async def update_alerts(self, snapshots: Sequence[Snapshot[Alert]]) -> dict[str, bytes]:
        """Store changed alerts, whose rows are locked."""
        encoded, columns = _columns(snapshots)
        await self.connection.execute(_QUERIES.update_alerts, *columns)
        return encoded

    async def restore_alerts(self, payloads: Sequence[bytes]) -> int:
        """Take over, byte for byte, what is newer than what is stored; returns how many that were."""
        _, columns = _columns([_ALERTS.decode(payload) for payload in payloads])
        return len(await self.connection.fetch(_QUERIES.restore_alerts, *columns[:-1], list(payloads)))

    async def lock_alert(self, alert_id: str) -> Stored | None:
        return next(iter(await self._alerts(_QUERIES.lock_alert, alert_id)), None)

    async def get_alert(self, alert_id: str) -> Stored | None:
        return next(iter(await self._alerts(_QUERIES.get_alert, alert_id)), None)

    async def claim_due_promises(self, now: datetime, limit: int) -> list[Stored]:
        return await self._alerts(_QUERIES.claim_due_promises, now, limit)

    async def claim_alerts_of_removed_rules(self, rule_ids: Sequence[str], limit: int) -> list[Stored]:
        return await self._alerts(_QUERIES.claim_alerts_of_removed_rules, list(rule_ids), limit)

    async def tombstone_alerts(self, before_version: int, limit: int) -> dict[str, int]:
        rows = await self.connection.fetch(_QUERIES.tombstone_alerts, before_version, limit)
        return {str(row["alert_id"]): row["version"] for row in rows}

    async def list_alerts(self, search: Search, limit: int) -> list[Stored]:
        after = search.after or (None, None)
        return await self._alerts(_QUERIES.list_alerts, *_filters(search), *after, limit)

    async def count_alerts(self, search: Search) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_alerts, *_filters(search)))

    # --- rules

    async def lock_rule_versions(self) -> None:
        await self.connection.execute(_QUERIES.lock_rule_versions)

    async def list_rule_versions(self) -> tuple[list[Applied], bool]:
        """Every rule set that came into force, oldest first, and whether everybody was decided under the last one."""
        rows = await self.connection.fetch(_QUERIES.list_rule_versions)
        applied = [Applied(row["version"], row["body"], row["applied_at"]) for row in rows]
        return applied, bool(rows) and rows[-1]["completed_at"] is not None

    async def append_rule_version(self, applied: Applied, completed_at: datetime | None) -> None:
        await self.connection.execute(
            _QUERIES.append_rule_version, applied.version, applied.body, applied.applied_at, completed_at
        )

    async def complete_rule_version(self, version: str, at: datetime) -> None:
        await self.connection.execute(_QUERIES.complete_rule_version, version, at)

    async def _alerts(self, query: str, *arguments: Any) -> list[Stored]:
        rows = await self.connection.fetch(query, *arguments)
        return [Stored(row["version"], _ALERTS.decode(row["snapshot"]), row["snapshot"]) for row in rows]


def _references(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(_SEPARATOR)) if joined else ()


def _filters(search: Search) -> tuple[Any, ...]:
    return (
        search.rule,
        search.condition,
        search.handling,
        search.severity,
        search.owner,
        search.open_at,
        search.customer_id,
    )


def _columns(snapshots: Sequence[Snapshot[Alert]]) -> tuple[dict[str, bytes], list[list[Any]]]:
    """The encoded snapshots by alert id, and the columns of insert_alerts and update_alerts."""
    encoded = {snapshot.subject: _ENCODER.encode(snapshot) for snapshot in snapshots}
    alerts = [snapshot.data for snapshot in snapshots]
    return encoded, [
        [alert.alert_id for alert in alerts],
        [snapshot.version for snapshot in snapshots],
        [alert.customer_id for alert in alerts],
        [alert.evidence.anchor.reference for alert in alerts],
        [alert.rule_id for alert in alerts],
        [alert.condition for alert in alerts],
        [alert.handling for alert in alerts],
        [alert.severity for alert in alerts],
        [alert.owner for alert in alerts],
        [alert.fired_at for alert in alerts],
        [alert.resolved_at for alert in alerts],
        [alert.handled_until for alert in alerts],
        list(encoded.values()),
    ]
