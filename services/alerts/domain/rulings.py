"""Rules as they are in force: since when, and under which versions of the rule set they read the same."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.alerts.domain.entities import Alert
from services.alerts.domain.rules import Rule, RuleSet
from services.alerts.domain.spells import Spell


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule set that came into force: its version, its canonical body, and when (business time)."""

    version: str
    body: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule in force under `version`; `versions` are those under which it read the same without a break.

    `since` is null when it holds for all time (the rule set of a fresh store). A rule that came or changed later
    raises nothing that was due before, and leaves alerts that had ended before as they are.
    """

    rule: Rule
    version: str
    since: datetime | None = None
    versions: frozenset[str] = frozenset()

    def decides(self, spell: Spell) -> bool:
        """Whether an alert may be raised for this spell."""
        return self.since is None or spell.due_at > self.since

    def reaches(self, alert: Alert) -> bool:
        """Whether this alert may still be changed."""
        return self.since is None or alert.resolved_at is None or alert.resolved_at > self.since

    def has_changed_for(self, alert: Alert) -> bool:
        """Whether the alert was last decided when the rule read differently."""
        return alert.rules_version != self.version and alert.rules_version not in self.versions


def rulings(rules: RuleSet, applied: Sequence[Applied]) -> tuple[Ruling, ...]:
    """The rules in force, given every rule set that came into force, oldest first; the last one is `rules`."""
    written = [{rule["id"]: rule for rule in json.loads(entry.body)} for entry in applied]
    found = []
    for rule in rules.rules:
        first = len(applied)
        while first > 0 and written[first - 1].get(rule.id) == rule.written():
            first -= 1
        since = applied[first].applied_at if 0 < first < len(applied) else None
        versions = frozenset(entry.version for entry in applied[first:])
        found.append(Ruling(rule, rules.version, since, versions))
    return tuple(found)
