"""What one attempt at delivery means for its notification: done, again later, or given up.

Everything here is real time: mail servers do not follow a simulated clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from services.notify.domain.reasons import Reason

# Seconds until the next attempt; the last one repeats.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0)
# Seconds after planning at which we stop trying. Staff need to know even late; a late win-back only puzzles.
STAFF_DEADLINE_SECONDS = 72 * 3600.0
CUSTOMER_DEADLINE_SECONDS = 24 * 3600.0
# One attempt is over, or cut off, well before its lease is.
ATTEMPT_SECONDS = 45.0
LEASE_SECONDS = 60.0
# A held one is woken by what it waits for; these only catch what is missed, soon once and then now and then.
FIRST_HOLD_SECONDS = 1.0
HOLD_SECONDS = 60.0
NOW = 0.0


class Outcome(StrEnum):
    """How an attempt ended. `UNCERTAIN`: it broke off after the text was handed over."""

    DELIVERED = "delivered"
    REFUSED_FOR_NOW = "refused_for_now"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"
    TEMPLATE_ERROR = "template_error"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The end of one attempt, with the server's code where it gave one."""

    outcome: Outcome
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has taken it over."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Again in so many real seconds. `uncertain`: an earlier attempt may have arrived."""

    seconds: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Certainly not delivered, and not tried again."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say whether it arrived, and it is not tried again."""

    reason: Reason = Reason.OUTCOME_UNKNOWN


Verdict: TypeAlias = Sent | Retry | GiveUp | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Where a notification stands: attempts made (this one included) and real seconds since it was planned."""

    to_customer: bool
    attempts: int
    age_seconds: float
    uncertain: bool = False


def judge(attempt: Attempt, trial: Trial) -> Verdict:
    """What follows from `attempt`. What may have arrived is never called failed, nor sent twice to a customer."""
    uncertain = trial.uncertain or attempt.outcome is Outcome.UNCERTAIN
    if attempt.outcome is Outcome.DELIVERED:
        return Sent()
    if uncertain and trial.to_customer:
        return Unknown()
    final = {
        Outcome.REFUSED: Reason.REFUSED,
        Outcome.TEMPLATE_ERROR: Reason.TEMPLATE_ERROR,
    }.get(attempt.outcome)
    deadline = CUSTOMER_DEADLINE_SECONDS if trial.to_customer else STAFF_DEADLINE_SECONDS
    seconds = RETRY_SECONDS[min(trial.attempts, len(RETRY_SECONDS)) - 1]
    if final is None and trial.age_seconds + seconds > deadline:
        final = Reason.EXPIRED
    if final is None:
        return Retry(seconds, uncertain)
    return Unknown() if uncertain else GiveUp(final)
