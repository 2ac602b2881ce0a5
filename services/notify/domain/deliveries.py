"""One event on its way to one webhook: what an attempt means for it. Everything here is real time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Status = Literal["pending", "delivered", "exhausted", "dropped"]
STATUSES = ("pending", "delivered", "exhausted", "dropped")

# Seconds from one attempt to the next: 8 attempts in 27 h 35 min. Each wait is up to a tenth longer, so that what
# failed together does not come back together.
RETRY_SECONDS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)
JITTER = 0.1
# A receiver that says when to come again is believed up to here.
MAX_RETRY_AFTER_SECONDS = 36_000.0
ATTEMPT_SECONDS = 15.0
LEASE_SECONDS = 60.0
# An answer later than this, or a failure, makes a webhook strained: it has few attempts in flight until one is quick.
SLOW_SECONDS = 3.0
KEPT_RESULTS = 10
KEPT_CHARACTERS = 200


class Outcome(StrEnum):
    """How an attempt ended. Closed list: log field, metric label and API field."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    GONE = "gone"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    BAD_CERTIFICATE = "bad_certificate"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the receiver said. `text`: the beginning of its answer, printable; `retry_after`: seconds it asked for."""

    outcome: Outcome
    seconds: float
    status: int | None = None
    text: str | None = None
    retry_after: float | None = None

    @property
    def strains(self) -> bool:
        """Whether the receiver is to be spared for now."""
        return self.outcome is not Outcome.DELIVERED or self.seconds > SLOW_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An attempt as it is kept."""

    at: datetime
    outcome: Outcome
    status: int | None
    seconds: float
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event for a webhook. `attempts` counts since it was told first, or again by hand; `due_at`: the next one."""

    webhook_id: str
    event_id: str
    type: str
    body: bytes
    status: Status
    attempts: int
    results: tuple[Result, ...]
    created_at: datetime
    due_at: datetime | None = None
    token: str | None = None

    def noted(self, answer: Answer, at: datetime) -> tuple[Result, ...]:
        """The results with this one."""
        result = Result(
            at=at,
            outcome=answer.outcome,
            status=answer.status,
            seconds=round(answer.seconds, 3),
            answer=answer.text,
        )
        return (*self.results, result)[-KEPT_RESULTS:]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery; `due_in`: real seconds to the next attempt, None when there is none."""

    status: Status
    due_in: float | None = None


def judge(answer: Answer, *, attempts: int, chance: float) -> Verdict:
    """What follows from the last of `attempts`; `chance` in [0, 1) spreads what failed together."""
    if answer.outcome is Outcome.DELIVERED:
        return Verdict("delivered")
    if answer.outcome is Outcome.GONE or attempts > len(RETRY_SECONDS):
        return Verdict("exhausted")
    seconds = RETRY_SECONDS[attempts - 1] * (1 + JITTER * chance)
    asked = min(answer.retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
    return Verdict("pending", max(seconds, asked))
