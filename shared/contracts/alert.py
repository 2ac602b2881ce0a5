"""`alerts.v1`: what needs somebody, until it is closed."""

from datetime import datetime
from typing import Literal

from shared.contracts.interaction import Anchor, Pii
from shared.contracts.record import Record

Condition = Literal["firing", "resolved", "retracted"]
Handling = Literal["open", "acknowledged", "snoozed", "closed"]
Severity = Literal["critical", "warning", "info"]


class Act(Record, frozen=True, kw_only=True):
    """One entry of an alert's history: what happened, when (business time), by whom and why.

    `by` is a principal's id, or `ebbtide` for what followed from interactions and time. `reason` is a code;
    what people wrote is free text and travels in `pii` (`comment` or `reason`). `taken_over_from` is the alert to which
    it happened, where that is another one. Who reads this has to let acts pass that it does not know: a later version
    may have more.
    """

    act: Literal[
        "fired", "resolved", "retracted", "amended", "acknowledged", "snoozed", "reopened", "closed", "commented"
    ]
    at: datetime
    by: str
    reason: str | None = None
    until: datetime | None = None
    pii: Pii | None = None
    taken_over_from: str | None = None


class Evidence(Record, frozen=True, kw_only=True):
    """Why the alert is there: the interaction it is anchored at and the facts, as codes and numbers."""

    anchor: Anchor
    since: datetime
    facts: dict[str, str | int | float] = {}


class Alert(Record, frozen=True, kw_only=True):
    """What Ebbtide makes of a spell: its condition, how people handle it, its outcome.

    `alert_id` is `uuid5` of rule and anchor, so it survives merges, late arrivals and edits.
    `fired_at` and `resolved_at` are exact business instants, not those of their processing.
    `cause_version` is the version of the snapshot (profile or score) it was last decided on.
    `announce` false: nobody is to be told that it fired, because it ended within its rule's grace or took over from
    `succeeds`. An alert whose spell got another start is retracted with `succeeded_by`; who was told of its firing is
    to be told of its successor's end, not of its retraction.
    """

    alert_id: str
    rule_id: str
    rules_version: str
    customer_id: str
    condition: Condition
    handling: Handling
    severity: Severity
    fired_at: datetime
    resolved_at: datetime | None = None
    handled_until: datetime | None = None
    owner: str | None = None
    notify: tuple[Literal["owner", "customer"], ...] = ()
    evidence: Evidence
    outcome: Literal["retained", "churned", "false_alarm"] | None = None
    announce: bool = True
    succeeds: str | None = None
    succeeded_by: str | None = None
    history: tuple[Act, ...] = ()
    cause_version: int = 0
