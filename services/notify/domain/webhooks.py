"""Webhooks: who subscribed to what, where it goes, and whether an event is for them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.notify.domain.events import About, Event

ALERT_ACTS = (
    "fired",
    "resolved",
    "retracted",
    "amended",
    "acknowledged",
    "snoozed",
    "reopened",
    "closed",
    "commented",
)
TOLD_STATUSES = ("sent", "held", "dropped", "unknown", "failed")
# `alert.*` also stands for acts that alerts will have one day.
EVENT_TYPES = (
    *(f"alert.{act}" for act in ALERT_ACTS),
    "alert.*",
    *(f"notification.{status}" for status in TOLD_STATUSES),
    "notification.*",
)
TEST_TYPE = "webhook.test"
SEVERITIES = ("critical", "warning", "info")
MOST_WEBHOOKS = 20
# After a new secret the one before signs too, for so long; real time.
SECRET_OVERLAP = timedelta(hours=24)


class Disabled(StrEnum):
    """Why a webhook is told nothing. Closed list: column, log field, metric label and API field."""

    BY_HAND = "by_hand"
    FAILING = "failing"
    GONE = "gone"
    ACCESS_LOST = "access_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What an event must be about: one of each list that is not empty."""

    rule_ids: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()

    def let_through(self, about: About) -> bool:
        """Whether all four agree."""
        wanted = (
            (self.rule_ids, about.rule_id),
            (self.severities, about.severity),
            (self.owners, about.owner),
            (self.customer_ids, about.customer_id),
        )
        return all(not names or value in names for names, value in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription. `sealed` holds its `Target`; `host` is the only part of the URL that may be shown to others.

    `created_at` is business time: what was known before is not told. The other instants are real time.
    """

    webhook_id: str
    principal_id: str
    host: str
    sealed: bytes
    description: str | None
    types: tuple[str, ...]
    filters: Filters
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: Disabled | None = None
    last_success_at: datetime | None = None

    def wants(self, event: Event) -> bool:
        """Whether this event is told here."""
        kind = event.type.partition(".")[0]
        return (
            (event.type in self.types or f"{kind}.*" in self.types)
            and event.recorded_at >= self.created_at
            and self.filters.let_through(event.about)
        )


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret, `whsec_...`; `until`: the last instant at which it still signs (real time)."""

    text: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is sealed of a webhook: its address, which may hold a secret of the receiver, and what signs for it.

    The newest secret comes first.
    """

    url: str = field(repr=False)
    secrets: tuple[Secret, ...] = field(repr=False)

    def signing(self, now: datetime) -> list[str]:
        """The secrets that sign now, newest first."""
        return [secret.text for secret in self.secrets if secret.until is None or secret.until > now]

    def rotated(self, text: str, now: datetime) -> "Target":
        """With a new secret; of the old ones only the newest goes on, for SECRET_OVERLAP."""
        old = Secret(self.secrets[0].text, now + SECRET_OVERLAP)
        return Target(self.url, (Secret(text), old))


def scopes_for(types: Collection[str]) -> list[str]:
    """The scopes that whoever is told of these types must have."""
    return [f"{kind}s:read" for kind in ("alert", "notification") if any(one.startswith(f"{kind}.") for one in types)]


def may_read(scopes: Collection[str], types: Collection[str]) -> bool:
    """Whether a principal with `scopes` may be told of all these types."""
    return "admin" in scopes or all(scope in scopes for scope in scopes_for(types))
