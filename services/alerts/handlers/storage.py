"""What handlers, timers and the API need of the store, and the rows that pass between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.alerts.domain.entities import Alert, Subject
from services.alerts.domain.rulings import Applied
from shared.contracts import Snapshot
from shared.postgres import Connection


@dataclass(slots=True)
class Kept:
    """What was known of a customer: the version of the snapshot, and the references it held."""

    version: int
    references: tuple[str, ...]


@dataclass(slots=True)
class Held:
    """The references of a customer, and the versions of the profile from and up to which they are known to be these."""

    since_version: int
    version: int
    references: tuple[str, ...]


@dataclass(slots=True)
class DueSubject:
    """A customer, and the instant at which time alone changes what rules say."""

    subject: Subject
    next_at: datetime | None


@dataclass(slots=True)
class Stored:
    """One alert as stored: the row's version, the envelope, and the envelope's bytes."""

    version: int
    snapshot: Snapshot[Alert]
    payload: bytes

    @property
    def alert(self) -> Alert:
        """The alert in the envelope."""
        return self.snapshot.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Filters of a list of alerts; `after` is the sort key of the last one seen."""

    rule: str | None = None
    condition: str | None = None
    handling: str | None = None
    severity: str | None = None
    owner: str | None = None
    customer_id: str | None = None
    open_at: datetime | None = None
    after: tuple[datetime, str] | None = None


class AlertStore(Protocol):
    """One unit of work. Rows are locked in key order; customers before alerts."""

    async def get_database_micros(self) -> int: ...

    async def lock_subjects(self, topic: str, customer_ids: Sequence[str]) -> Mapping[str, Kept]: ...

    async def upsert_subjects(self, topic: str, subjects: Sequence[DueSubject], rules_version: str) -> None: ...

    async def update_next(self, topic: str, subjects: Sequence[DueSubject], rules_version: str) -> None: ...

    async def wake_subjects(self, topic: str, customer_ids: Sequence[str], at: datetime) -> None: ...

    async def list_references(self, customer_ids: Sequence[str]) -> Mapping[str, Held]: ...

    async def claim_due_subjects(self, topic: str, now: datetime, limit: int) -> list[DueSubject]: ...

    async def claim_outdated_subjects(
        self, topic: str, after: str | None, rules_version: str, limit: int
    ) -> list[DueSubject]: ...

    async def lock_alerts(
        self, references: Sequence[str], customer_ids: Sequence[str], rule_ids: Sequence[str]
    ) -> list[Stored]: ...

    async def list_alerts_of_references(
        self, references: Sequence[str], customer_ids: Sequence[str], rule_ids: Sequence[str]
    ) -> list[Stored]: ...

    async def insert_alerts(self, snapshots: Sequence[Snapshot[Alert]]) -> Mapping[str, bytes]: ...

    async def update_alerts(self, snapshots: Sequence[Snapshot[Alert]]) -> Mapping[str, bytes]: ...

    async def lock_alert(self, alert_id: str) -> Stored | None: ...

    async def get_alert(self, alert_id: str) -> Stored | None: ...

    async def claim_due_promises(self, now: datetime, limit: int) -> list[Stored]: ...

    async def claim_alerts_of_removed_rules(self, rule_ids: Sequence[str], limit: int) -> list[Stored]: ...

    async def tombstone_alerts(self, before_version: int, limit: int) -> Mapping[str, int]: ...

    async def list_alerts(self, search: Search, limit: int) -> list[Stored]: ...

    async def count_alerts(self, search: Search) -> int: ...

    async def lock_rule_versions(self) -> None: ...

    async def list_rule_versions(self) -> tuple[list[Applied], bool]: ...

    async def append_rule_version(self, applied: Applied, completed_at: datetime | None) -> None: ...

    async def complete_rule_version(self, version: str, at: datetime) -> None: ...


OpenStore = Callable[[Connection], AlertStore]
