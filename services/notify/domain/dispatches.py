"""A notification on its way: what it becomes when it is claimed, dropped, held, or when an attempt has ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.notify.domain.attempts import (
    FIRST_HOLD_SECONDS,
    HOLD_SECONDS,
    LEASE_SECONDS,
    GiveUp,
    Retry,
    Sent,
    Trial,
    Unknown,
    Verdict,
)
from services.notify.domain.entities import Notification
from services.notify.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A notification with what is not published of it.

    `version` is the stored one (0: not stored yet). `due_in`: real seconds until it is looked at again, for one that
    is sending the end of its lease; None: settled. `token` says whose attempt it is. `uncertain`: an attempt may have
    arrived. `contact_id`: the customer it was claimed for. `age_seconds`: real time since it was planned.
    """

    notification: Notification
    version: int = 0
    correlation_id: str = ""
    due_in: float | None = None
    token: str | None = None
    uncertain: bool = False
    contact_id: str | None = None
    age_seconds: float = 0.0

    @property
    def trial(self) -> Trial:
        """Where it stands, for judging an attempt."""
        return Trial(
            to_customer=self.notification.to_customer,
            attempts=max(self.notification.attempts, 1),
            age_seconds=self.age_seconds,
            uncertain=self.uncertain,
        )


def attempted(dispatch: Dispatch, token: str, contact_id: str | None, now: datetime) -> Dispatch:
    """Under way: to be stored and committed before anybody speaks to the mail server."""
    notification = replace(
        dispatch.notification,
        status="sending",
        reason=Reason.IN_FLIGHT,
        attempts=dispatch.notification.attempts + 1,
        decided_at=now,
        held_until=None,
    )
    return replace(dispatch, notification=notification, token=token, due_in=LEASE_SECONDS, contact_id=contact_id)


def dropped(dispatch: Dispatch, reason: Reason, now: datetime) -> Dispatch:
    """Decided against."""
    notification = replace(dispatch.notification, status="dropped", reason=reason, decided_at=now, held_until=None)
    return replace(dispatch, notification=notification, token=None, due_in=None)


def held(dispatch: Dispatch, reason: Reason, until: datetime | None, now: datetime) -> Dispatch:
    """Not now."""
    due_in = HOLD_SECONDS if dispatch.notification.status == "held" else FIRST_HOLD_SECONDS
    notification = replace(dispatch.notification, status="held", reason=reason, decided_at=now, held_until=until)
    return replace(dispatch, notification=notification, token=None, due_in=due_in)


def settled(dispatch: Dispatch, verdict: Verdict, code: str | None, now: datetime) -> Dispatch:
    """After an attempt. `decided_at` stays the instant at which the attempt was decided on."""
    before = replace(dispatch.notification, provider_code=code or dispatch.notification.provider_code)
    match verdict:
        case Sent():
            after = replace(before, status="sent", reason=None, sent_at=now)
        case Retry(seconds, uncertain):
            after = replace(before, status="planned", reason=Reason.RETRYING)
            return replace(dispatch, notification=after, token=None, due_in=seconds, uncertain=uncertain)
        case GiveUp(reason):
            after = replace(before, status="failed", reason=reason)
        case Unknown(reason):
            after = replace(before, status="unknown", reason=reason)
        case _:
            assert_never(verdict)
    return replace(dispatch, notification=after, token=None, due_in=None)
