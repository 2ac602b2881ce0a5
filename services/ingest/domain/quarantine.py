"""Records that were refused: what is known of one, and what can become of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """What became of a record in quarantine."""

    OPEN = "open"  # nobody has decided yet
    RESUBMITTED = "resubmitted"  # it was taken, repaired or as it was
    DISCARDED = "discarded"  # somebody decided that it is not needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One refused record: where it came from, why it was refused, and who settled it when."""

    quarantine_id: str
    topic: str
    partition: int
    offset: int
    code: str
    field: str
    reason: str
    received_at: datetime
    status: str
    settled_at: datetime | None
    settled_by: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A record as it came. May hold personal data."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineFilter:
    """Which of them are wanted; None wants all."""

    code: str | None = None
    topic: str | None = None
    status: str | None = None
