"""Compares the spells of one customer under one rule with the alerts in the store, and says what to do about it.

What people did (handling) and what the condition does are kept apart: a decision changes handling only when the
condition ends, comes back, or moves to another anchor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.alerts.domain.entities import (
    EBBTIDE,
    Act,
    Alert,
    AlertOutcome,
    Anchor,
    Condition,
    Evidence,
    Happening,
    Subject,
)
from services.alerts.domain.rulings import Ruling
from services.alerts.domain.spells import Spell, ended_before_history, spells

Kind = Literal["raise", "resolve", "amend", "retract", "reinstate"]
Reason = Literal[
    "condition_held",
    "condition_ended",
    "ended_within_grace",
    "start_moved",
    "start_corrected",
    "end_moved",
    "end_removed",
    "spell_removed",
    "spell_returned",
    "rule_changed",
    "rule_removed",
    "customer_changed",
    "customer_erased",
    "owner_changed",
    "facts_changed",
]


@dataclass(slots=True)
class Decision:
    """What to do, why, and the alert as it is afterwards."""

    kind: Kind
    reason: Reason
    alert: Alert


@dataclass(slots=True)
class Verdict:
    """What to do now, and the instant from which on the same question has another answer if nothing else happens."""

    decisions: list[Decision]
    next_at: datetime | None


Identify = Callable[[str, Anchor], str]
"""Rule and anchor to alert id."""


def decide(
    ruling: Ruling,
    subject: Subject,
    alerts: Mapping[Anchor, Alert],
    now: datetime,
    *,
    settled_at: datetime,
    identify: Identify,
) -> Verdict:
    """The decisions that bring `alerts` (of this customer and rule) in line with the spells of the rule until `now`.

    Silence counts up to `settled_at` only: what came to pass later may be under way still.

    Deciding again with the decisions carried out gives none. Alerts that began before the history are left as they
    are, except that one still firing resolves when the history shows its end.
    """
    found, next_at = (
        spells(ruling.rule, subject.history, subject.known_at(settled_at, now))
        if subject.status == "active"
        else ([], None)
    )
    if not found and not alerts:
        return Verdict([], next_at)
    judge = _Judge(ruling, subject, now)
    # A model may enter a band twice by the passing of one interaction: the last time is the one that counts.
    there = {spell.anchor: spell for spell in found}
    gone = {anchor: alert for anchor, alert in alerts.items() if anchor not in there}
    decisions = [decision for alert in gone.values() if (decision := judge.without_spell(alert)) is not None]
    orphans = [gone[d.alert.evidence.anchor] for d in decisions if d.reason == "spell_removed"]
    successors: dict[str, str] = {}
    for spell in there.values():
        stored = alerts.get(spell.anchor)
        if stored is not None and stored.condition != "retracted":
            decision = judge.compared(stored, spell)
            if decision is not None:
                decisions.append(decision)
        elif ruling.decides(spell):
            orphan = _overlapping(spell, orphans)
            alert_id = identify(ruling.rule.id, spell.anchor)
            if orphan is not None:
                orphans.remove(orphan)
                successors[orphan.alert_id] = alert_id
            decisions.append(judge.appearing(alert_id, spell, stored, orphan))
    return Verdict([_succeeded(decision, successors) for decision in decisions], next_at)


def resolve_removed(alert: Alert, *, rules_version: str, now: datetime) -> Decision:
    """The end of a firing alert whose rule is in force no more."""
    changes = _ended("resolved", now, None) | {"rules_version": rules_version}
    return Decision("resolve", "rule_removed", _noted(alert, "resolved", now, "rule_removed", changes))


@dataclass(slots=True)
class _Judge:
    ruling: Ruling
    subject: Subject
    now: datetime

    def without_spell(self, alert: Alert) -> Decision | None:
        """An alert the history says nothing of (any more)."""
        if alert.condition == "retracted" or not self.ruling.reaches(alert):
            return None
        if self.subject.status == "erased":
            return self._resolved(alert, self.now, "customer_erased", {}) if alert.condition == "firing" else None
        if alert.evidence.since < self.subject.history.since:
            return self._beyond_history(alert)
        reason: Reason = "rule_changed" if self.ruling.has_changed_for(alert) else "spell_removed"
        outcome: AlertOutcome | None = "false_alarm" if reason == "spell_removed" else None
        # It goes to whoever holds the reference of its anchor now, as every other alert does.
        changes = _ended("retracted", alert.resolved_at, outcome) | self._stamp()
        changes["customer_id"] = self.subject.customer_id
        return Decision("retract", reason, _noted(alert, "retracted", self.now, reason, changes))

    def compared(self, alert: Alert, spell: Spell) -> Decision | None:
        """An alert and its spell: nothing, or the one decision that makes them agree."""
        if not self.ruling.reaches(alert):
            return None
        changes = self._differences(alert, spell)
        if not changes:
            return None
        if alert.condition == "firing" and spell.resolved_at is not None:
            return self._resolved(alert, spell.resolved_at, "condition_ended", changes)
        reason = self._reason(alert, changes)
        if reason == "end_removed":
            by_hand = alert.closed_by_hand
            changes |= {
                "condition": "firing",
                "handling": "closed" if by_hand else "open",
                "outcome": alert.outcome if by_hand else None,
                "announce": alert.announce or alert.succeeds is None,
            }
        return Decision("amend", reason, _noted(alert, "amended", self.now, reason, changes | self._stamp()))

    def appearing(self, alert_id: str, spell: Spell, stored: Alert | None, orphan: Alert | None) -> Decision:
        """A spell without a valid alert: raise it, or reinstate the one that was retracted.

        From `orphan`, whose spell this is with another start, it takes over the handling and the story, and nobody
        is told twice. To a history there is only ever added.
        """
        rule = self.ruling.rule
        told = orphan is not None and (orphan.announce or orphan.succeeds is not None)
        goes_on = orphan is not None and orphan.condition == "firing" and spell.resolved_at is None
        reason: Reason = "start_moved" if orphan else "spell_returned" if stored else "condition_held"
        if reason == "condition_held" and not spell.noticeable:
            reason = "ended_within_grace"
        acts = [*stored.history] if stored is not None else []
        if orphan is not None:
            acts += _taken_over(orphan, alert_id, acts)
            acts.append(Act("amended", self.now, EBBTIDE, reason))
        else:
            acts.append(Act("fired", spell.fired_at, EBBTIDE, reason))
        outcome = orphan.outcome if orphan is not None and orphan.closed_by_hand else None
        if spell.resolved_at is not None:
            acts.append(Act("resolved", spell.resolved_at, EBBTIDE, "condition_ended"))
            outcome = outcome or rule.when.outcome
        alert = Alert(
            alert_id=alert_id,
            rule_id=rule.id,
            rules_version=self.ruling.version,
            customer_id=self.subject.customer_id,
            condition="firing" if spell.resolved_at is None else "resolved",
            handling=orphan.handling if orphan and goes_on else "open" if spell.resolved_at is None else "closed",
            severity=rule.severity,
            fired_at=spell.fired_at,
            resolved_at=spell.resolved_at,
            handled_until=orphan.handled_until if orphan and goes_on else None,
            owner=self.subject.owner,
            notify=rule.notify,
            evidence=Evidence(spell.anchor, spell.since, spell.facts),
            outcome=outcome,
            announce=spell.noticeable and not told,
            succeeds=orphan.alert_id if orphan is not None else None,
            history=tuple(acts),
            cause_version=self.subject.version,
        )
        return Decision("reinstate" if stored is not None else "raise", reason, alert)

    def _differences(self, alert: Alert, spell: Spell) -> dict[str, Any]:
        """The fields that follow from spell, customer and rule (not condition and handling) and are different now."""
        changes: dict[str, Any] = {}
        if alert.resolved_at != spell.resolved_at:
            changes["resolved_at"] = spell.resolved_at
        if alert.fired_at != spell.fired_at:
            changes["fired_at"] = spell.fired_at
        if alert.customer_id != self.subject.customer_id:
            changes["customer_id"] = self.subject.customer_id
        if alert.owner != self.subject.owner:
            changes["owner"] = self.subject.owner
        if (alert.evidence.since, alert.evidence.facts) != (spell.since, spell.facts):
            changes["evidence"] = Evidence(spell.anchor, spell.since, spell.facts)
        rule = self.ruling.rule
        if alert.condition == "firing" and (alert.severity, alert.notify) != (rule.severity, rule.notify):
            changes |= {"severity": rule.severity, "notify": rule.notify}
        return changes

    def _reason(self, alert: Alert, changes: Mapping[str, Any]) -> Reason:
        if "resolved_at" in changes:
            return "end_removed" if changes["resolved_at"] is None else "end_moved"
        if "fired_at" in changes or "severity" in changes:
            return "rule_changed" if self.ruling.has_changed_for(alert) else "start_corrected"
        if "customer_id" in changes:
            return "customer_changed"
        return "owner_changed" if "owner" in changes else "facts_changed"

    def _beyond_history(self, alert: Alert) -> Decision | None:
        if alert.condition != "firing":
            return None
        evidence = alert.evidence
        end = ended_before_history(self.ruling.rule, self.subject.history, evidence.anchor, evidence.since)
        if end is None or end <= alert.fired_at:
            return None
        return self._resolved(alert, end, "condition_ended", {})

    def _resolved(self, alert: Alert, end: datetime, reason: Reason, changes: Mapping[str, Any]) -> Decision:
        outcome = self.ruling.rule.when.outcome if reason == "condition_ended" else None
        changes = {**changes, **_ended("resolved", end, alert.outcome or outcome), **self._stamp()}
        return Decision("resolve", reason, _noted(alert, "resolved", end, reason, changes))

    def _stamp(self) -> dict[str, Any]:
        return {"rules_version": self.ruling.version, "cause_version": self.subject.version}


def _ended(condition: Condition, resolved_at: datetime | None, outcome: AlertOutcome | None) -> dict[str, Any]:
    return {
        "condition": condition,
        "handling": "closed",
        "handled_until": None,
        "resolved_at": resolved_at,
        "outcome": outcome,
    }


def _noted(alert: Alert, act: Happening, at: datetime, reason: Reason, changes: Mapping[str, Any]) -> Alert:
    return replace(alert, history=(*alert.history, Act(act, at, EBBTIDE, reason)), **changes)


def _taken_over(orphan: Alert, alert_id: str, own: Sequence[Act]) -> list[Act]:
    """The story of `orphan` for the history of `alert_id`, without what came from there or is there already."""
    story = [replace(act, taken_over_from=act.taken_over_from or orphan.alert_id) for act in orphan.history]
    return [act for act in story if act.taken_over_from != alert_id and act not in own]


def _overlapping(spell: Spell, orphans: list[Alert]) -> Alert | None:
    """The retracted alert that was about the same time: the latest one, should there be several."""
    same = [
        orphan
        for orphan in orphans
        if (orphan.resolved_at is None or spell.fired_at < orphan.resolved_at)
        and (spell.resolved_at is None or orphan.fired_at < spell.resolved_at)
    ]
    return max(same, key=lambda orphan: (orphan.fired_at, orphan.alert_id), default=None)


def _succeeded(decision: Decision, successors: Mapping[str, str]) -> Decision:
    successor = successors.get(decision.alert.alert_id)
    if successor is None or decision.kind != "retract":
        return decision
    *before, last = decision.alert.history
    moved = replace(last, reason="start_moved")
    # The alarm was not false: it goes on under another id.
    after = replace(decision.alert, succeeded_by=successor, outcome=None, history=(*before, moved))
    return Decision("retract", "start_moved", after)
