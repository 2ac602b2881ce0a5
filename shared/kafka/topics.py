"""Every topic there is: name, writer, key, partitions, clean-up, payload. Docs, admin and tests read this table."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.contracts import (
    Alert,
    InboundEvent,
    Interaction,
    Notification,
    Principal,
    Profile,
    Score,
    Settled,
    Snapshot,
)

DAY_MS = 86_400_000
# Of one record with what surrounds it.
MOST_RECORD_BYTES = 2 * 1024 * 1024
FOREVER = -1
# The writer of topics that other systems write.
ANYONE = "anyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `writer` is a service or several.

    `retention_ms` matters to topics that delete; FOREVER keeps everything. `tombstones`: its entities end in a record
    without a value; elsewhere such a record is a mistake.
    """

    name: str
    writer: str
    key: str
    payload: Any
    cleanup: Literal["delete", "compact"]
    description: str
    partitions: int = 6
    retention_ms: int = FOREVER
    tombstones: bool = False

    @property
    def foreign(self) -> bool:
        """Written by systems that are not ours: its records may be anything, and its offsets may have holes."""
        return self.writer == ANYONE

    def written_by(self, service: str) -> bool:
        """Whether this service writes to it."""
        return service in self.writer.split(", ")

    def prefixed(self, prefix: str) -> "Topic":
        """The same topic of another installation on the same cluster."""
        return replace(self, name=prefix + self.name)

    def config(self) -> dict[str, str]:
        """The broker-side settings that matter for correctness."""
        settings = {"cleanup.policy": self.cleanup, "max.message.bytes": str(MOST_RECORD_BYTES)}
        if self.cleanup == "delete":
            settings["retention.ms"] = str(self.retention_ms)
        return settings


INBOUND = Topic(
    name="interactions.inbound.v1",
    writer=ANYONE,
    key="any",
    payload=InboundEvent,
    cleanup="delete",
    description="What other systems write, as CloudEvents in structured or binary mode. Nobody has validated it.",
    retention_ms=7 * DAY_MS,
)
INTERACTIONS = Topic(
    name="interactions.v1",
    writer="ingest",
    key="reference",
    payload=Interaction,
    cleanup="delete",
    description="What happened. Once written never changed; identified by (subject, source, id).",
)
PROFILES = Topic(
    name="profiles.v1",
    writer="profiles",
    key="customer_id",
    payload=Snapshot[Profile],
    cleanup="compact",
    description="Who the customer is now, and how it got there.",
)
SCORES = Topic(
    name="scores.v1",
    writer="scoring",
    key="customer_id",
    payload=Snapshot[Score],
    cleanup="compact",
    description="How the customer is doing, and when that changes.",
)
ALERTS = Topic(
    name="alerts.v1",
    writer="alerts",
    key="alert_id",
    payload=Snapshot[Alert],
    cleanup="compact",
    description="What needs somebody, until it is closed.",
    tombstones=True,
)
NOTIFICATIONS = Topic(
    name="notifications.v1",
    writer="notify",
    key="notification_id",
    payload=Snapshot[Notification],
    cleanup="compact",
    description="What was sent, held, dropped, and why.",
    tombstones=True,
)
ACCESS = Topic(
    name="access.v1",
    writer="ingest",
    key="principal_id",
    payload=Snapshot[Principal],
    cleanup="compact",
    description="Who may call: scopes and hashes of keys.",
    partitions=1,
)
SETTLED = Topic(
    name="settled.v1",
    writer="ingest, profiles, scoring",
    key="topic",
    payload=Snapshot[Settled],
    cleanup="compact",
    description="Up to which instant each topic is complete: silence on it up to there is no delay.",
    partitions=1,
)

TOPICS = (INBOUND, INTERACTIONS, PROFILES, SCORES, ALERTS, NOTIFICATIONS, ACCESS, SETTLED)
