"""Which notifications an alert needs, and to whom each goes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.notify.domain.entities import (
    EMAIL,
    OWNER_STEP,
    WIN_BACK_STEP,
    Cause,
    Contact,
    Notification,
    Staff,
    Transition,
)
from services.notify.domain.locales import ENGLISH, locale_for
from services.notify.domain.reasons import Reason

# Real seconds. profiles.v1 may arrive after the alert that was decided on it.
WAIT_FOR_MISSING_CONTACT = 30.0
# Shorter: what is missing is at most the last change, and an alert from a score names the score's version, which no
# profile may ever reach.
WAIT_FOR_NEWER_CONTACT = 1.0

# (alert, transition, step, recipient, channel) to the notification's id.
Identify = Callable[[str, str, str, str, str], str]

# The alert about Ebbtide itself, which is about no customer; alerts raises it under this rule.
STANDSTILL = "ebbtide-standstill"

_TEMPLATES = {
    ("fired", OWNER_STEP): "owner_fired",
    ("closed", OWNER_STEP): "owner_closed",
    ("fired", WIN_BACK_STEP): "win_back",
}


def seconds_to_wait(cause: Cause, contact: Contact | None) -> float | None:
    """How long to wait at most for the profile that the alert was decided on; None: no need to wait.

    For staff a known contact is enough, because the alert itself names the owner it was decided with.
    """
    if contact is None:
        return WAIT_FOR_MISSING_CONTACT
    if "customer" in cause.notify and contact.asked_version < cause.cause_version:
        return WAIT_FOR_NEWER_CONTACT
    return None


def missing_steps(cause: Cause, planned: Collection[tuple[str, str]]) -> list[tuple[Transition, str]]:
    """The steps that this state of the alert calls for and that nothing was planned for yet, firing first."""
    steps: list[tuple[Transition, str]] = []
    if "owner" in cause.notify:
        steps.append(("fired", OWNER_STEP))
    if "customer" in cause.notify:
        steps.append(("fired", WIN_BACK_STEP))
    if cause.condition != "firing" and "owner" in cause.notify:
        steps.append(("closed", OWNER_STEP))
    return [step for step in steps if step not in planned]


@dataclass(frozen=True, slots=True)
class Planner:
    """Turns missing steps into notifications; `identify` gives each its id."""

    staff: Staff
    identify: Identify

    def plan(
        self,
        cause: Cause,
        contact: Contact | None,
        *,
        planned: Collection[tuple[str, str]],
        told: Mapping[str, str],
        now: datetime,
    ) -> list[Notification]:
        """One planned notification per step that is not in `planned` yet.

        `told` says by step who was to be told of the firing of this alert or of those it succeeds: they keep it.
        """
        recipients = dict(told)
        fresh: list[Notification] = []
        for transition, step in missing_steps(cause, planned):
            recipient = recipients.setdefault(step, self._recipient(cause, contact, step))
            fresh.append(
                Notification(
                    notification_id=self.identify(cause.alert_id, transition, step, recipient, EMAIL),
                    alert_id=cause.alert_id,
                    rule_id=cause.rule_id,
                    customer_id=cause.customer_id,
                    transition=transition,
                    step=step,
                    recipient=recipient,
                    channel="email",
                    status="planned",
                    reason=Reason.QUEUED,
                    template=(
                        f"standstill_{transition}" if cause.rule_id == STANDSTILL else _TEMPLATES[transition, step]
                    ),
                    locale=self._locale(contact, recipient),
                    cause_at=cause.fired_at if transition == "fired" else cause.closed_at or cause.fired_at,
                    decided_at=now,
                )
            )
        return fresh

    def _recipient(self, cause: Cause, contact: Contact | None, step: str) -> str:
        if step == WIN_BACK_STEP:
            return f"customer:{cause.customer_id}"
        known = contact is not None and contact.asked_version >= cause.cause_version
        owner = contact.owner_id if contact is not None and known else cause.owner
        return f"staff:{owner or self.staff.default_owner}"

    def _locale(self, contact: Contact | None, recipient: str) -> str:
        kind, _, recipient_id = recipient.partition(":")
        if kind == "staff":
            member = self.staff.members.get(recipient_id)
            return member.locale if member is not None else ENGLISH
        return locale_for(contact.locale if contact is not None else None)
