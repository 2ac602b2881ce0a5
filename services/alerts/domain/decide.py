"""Compares the spells of one customer under one rule with the alerts in the store, and says what to do about it.

What people did (handling) and what the condition does are kept apart: a decision changes handling only when the
condition ends, comes back, or moves to another anchor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.alerts.domain.entities import EBBTIDE, Act, Alert, AlertOutcome, Condition, Evidence, Happening, Subject
from services.alerts.domain.rulings import Ruling
from services.alerts.domain.spells import Spell, ended_before_history

Kind = Literal["raise", "resolve", "amend", "retract", "reinstate"]
Reason = Literal[
    "condition_held",
    "condition_ended",
    "ended_within_grace",
    "start_moved",
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


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and the alert as it is afterwards."""

    kind: Kind
    reason: Reason
    alert: Alert


def decide(
    ruling: Ruling, subject: Subject, spells: Mapping[str, Spell], alerts: Mapping[str, Alert], now: datetime
) -> list[Decision]:
    """The decisions that bring `alerts` (of this customer and rule, by id) in line with `spells` (by alert id).

    Deciding again with the decisions carried out gives none. Alerts that began before the history are left as they
    are, except that one still firing resolves when the history shows its end.
    """
    judge = _Judge(ruling, subject, now)
    gone = {alert_id: alert for alert_id, alert in alerts.items() if alert_id not in spells}
    decisions = [decision for alert in gone.values() if (decision := judge.without_spell(alert)) is not None]
    orphans = [gone[d.alert.alert_id] for d in decisions if d.kind == "retract" and d.reason == "spell_removed"]
    successors: dict[str, str] = {}
    for alert_id, spell in spells.items():
        stored = alerts.get(alert_id)
        if stored is not None and stored.condition != "retracted":
            decision = judge.compared(stored, spell)
            if decision is not None:
                decisions.append(decision)
        elif ruling.decides(spell):
            orphan = _overlapping(spell, orphans)
            if orphan is not None:
                orphans.remove(orphan)
                successors[orphan.alert_id] = alert_id
            decisions.append(judge.appearing(alert_id, spell, stored, orphan))
    return [_succeeded(decision, successors) for decision in decisions]


def resolve_removed(alert: Alert, *, rules_version: str, now: datetime) -> Decision:
    """The end of a firing alert whose rule is in force no more."""
    after = _ended(alert, "resolved", now, None, "rule_removed", at=now)
    return Decision("resolve", "rule_removed", replace(after, rules_version=rules_version))


@dataclass(frozen=True, slots=True)
class _Judge:
    ruling: Ruling
    subject: Subject
    now: datetime

    def without_spell(self, alert: Alert) -> Decision | None:
        """An alert the history says nothing of (any more)."""
        if alert.condition == "retracted" or not self.ruling.reaches(alert):
            return None
        if self.subject.status == "erased":
            return self._resolved(alert, self.now, "customer_erased") if alert.condition == "firing" else None
        if alert.evidence.since < self.subject.history.since:
            return self._beyond_history(alert)
        if self.ruling.has_changed_for(alert):
            after = _ended(alert, "retracted", alert.resolved_at, None, "rule_changed", at=self.now)
            return Decision("retract", "rule_changed", self._stamped(after))
        reason: Reason = "spell_removed"
        after = _ended(alert, "retracted", alert.resolved_at, "false_alarm", reason, at=self.now)
        return Decision("retract", reason, self._stamped(after))

    def compared(self, alert: Alert, spell: Spell) -> Decision | None:
        """An alert and its spell: nothing, or the one decision that makes them agree."""
        if not self.ruling.reaches(alert):
            return None
        matched = self._matched(alert, spell)
        if alert.condition == "firing" and spell.resolved_at is not None:
            return self._resolved(matched, spell.resolved_at, "condition_ended")
        if matched == alert:
            return None
        reason = self._difference(alert, matched)
        if alert.condition == "resolved" and spell.resolved_at is None:
            matched = replace(
                matched,
                condition="firing",
                handling="closed" if alert.closed_by_hand else "open",
                outcome=alert.outcome if alert.closed_by_hand else None,
                announce=alert.announce or alert.succeeds is None,
            )
        return Decision("amend", reason, self._stamped(_noted(matched, "amended", self.now, reason)))

    def appearing(self, alert_id: str, spell: Spell, stored: Alert | None, orphan: Alert | None) -> Decision:
        """A spell without a valid alert: raise it, or reinstate the one that was retracted.

        From `orphan`, whose spell this is with another start, it takes over the handling and the story, and nobody
        is told twice.
        """
        predecessor = orphan or stored
        told = orphan is not None and (orphan.announce or orphan.succeeds is not None)
        fresh = Alert(
            alert_id=alert_id,
            rule_id=self.ruling.rule.id,
            rules_version=self.ruling.version,
            customer_id=self.subject.customer_id,
            condition="firing",
            handling="open",
            severity=self.ruling.rule.severity,
            fired_at=spell.fired_at,
            owner=self.subject.owner,
            notify=self.ruling.rule.notify,
            evidence=Evidence(spell.anchor, spell.since, spell.facts),
            announce=spell.noticeable and not told,
            succeeds=orphan.alert_id if orphan is not None else None,
            history=predecessor.history if predecessor is not None else (),
            cause_version=self.subject.version,
        )
        if orphan is not None:
            reason: Reason = "start_moved"
            fresh = replace(
                _noted(fresh, "amended", self.now, reason),
                handling=orphan.handling if orphan.condition == "firing" else "open",
                handled_until=orphan.handled_until,
                outcome=orphan.outcome if orphan.closed_by_hand else None,
            )
        else:
            reason = "spell_returned" if stored is not None else "condition_held"
            fresh = _noted(fresh, "fired", spell.fired_at, reason)
        if spell.resolved_at is not None:
            if reason == "condition_held" and not spell.noticeable:
                reason = "ended_within_grace"
            fresh = self._resolved(fresh, spell.resolved_at, "condition_ended").alert
        return Decision("reinstate" if stored is not None else "raise", reason, fresh)

    def _matched(self, alert: Alert, spell: Spell) -> Alert:
        """The alert with everything that follows from spell, customer and rule, except condition and handling."""
        matched = replace(
            alert,
            customer_id=self.subject.customer_id,
            owner=self.subject.owner,
            fired_at=spell.fired_at,
            resolved_at=spell.resolved_at,
            evidence=Evidence(spell.anchor, spell.since, spell.facts),
        )
        if alert.condition == "firing":
            matched = replace(matched, severity=self.ruling.rule.severity, notify=self.ruling.rule.notify)
        return matched

    def _difference(self, alert: Alert, matched: Alert) -> Reason:
        if alert.resolved_at != matched.resolved_at:
            return "end_removed" if matched.resolved_at is None else "end_moved"
        if (alert.fired_at, alert.severity, alert.notify) != (matched.fired_at, matched.severity, matched.notify):
            return "rule_changed" if self.ruling.has_changed_for(alert) else "start_moved"
        if alert.customer_id != matched.customer_id:
            return "customer_changed"
        return "owner_changed" if alert.owner != matched.owner else "facts_changed"

    def _beyond_history(self, alert: Alert) -> Decision | None:
        if alert.condition != "firing":
            return None
        evidence = alert.evidence
        end = ended_before_history(self.ruling.rule, self.subject.history, evidence.anchor, evidence.since)
        if end is None or end <= alert.fired_at:
            return None
        return self._resolved(alert, end, "condition_ended")

    def _resolved(self, alert: Alert, end: datetime, reason: Reason) -> Decision:
        outcome = self.ruling.rule.when.outcome if reason == "condition_ended" else None
        after = _ended(alert, "resolved", end, alert.outcome or outcome, reason, at=end)
        return Decision("resolve", reason, self._stamped(after))

    def _stamped(self, alert: Alert) -> Alert:
        return replace(alert, rules_version=self.ruling.version, cause_version=self.subject.version)


def _ended(
    alert: Alert,
    condition: Condition,
    resolved_at: datetime | None,
    outcome: AlertOutcome | None,
    reason: Reason,
    *,
    at: datetime,
) -> Alert:
    ended = replace(
        alert, condition=condition, handling="closed", handled_until=None, resolved_at=resolved_at, outcome=outcome
    )
    return _noted(ended, "resolved" if condition == "resolved" else "retracted", at, reason)


def _noted(alert: Alert, act: Happening, at: datetime, reason: Reason) -> Alert:
    return replace(alert, history=(*alert.history, Act(act, at, EBBTIDE, reason)))


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
