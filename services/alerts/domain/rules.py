"""The rule grammar: small and closed. `parse_rules` takes the plain structure of a rules file.

A rule is wrong in all its places at once: `RulesInvalid` lists every error with its rule, field and reason.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast

from services.alerts.domain.entities import AlertOutcome, Severity, Told

Field = TypeVar("Field")

SEVERITIES = ("critical", "warning", "info")
RECIPIENTS = ("owner", "customer")
PURCHASE = "customer.purchase"
ACTIVITY = "activity"
ABSENT = (PURCHASE, ACTIVITY)
EVENTS = {"customer.complaint.opened": ("customer.complaint.resolved", "customer.complaint.answered")}
SHORTEST_ABSENCE = timedelta(days=7)
LONGEST = timedelta(days=3650)

_RULE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DURATION = re.compile(r"(\d{1,9})([dhms])")
_UNIT_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_KINDS = {"absent": {"absent", "longer_than"}, "score": {"score", "band"}, "event": {"event", "until"}}


@dataclass(frozen=True, slots=True)
class Absent:
    """More than `longer_than` without a purchase (or any activity)."""

    absent: str
    longer_than: timedelta
    topic: Literal["profile", "score"] = "profile"
    outcome: AlertOutcome | None = "retained"

    def written(self) -> dict[str, str | int]:
        """The condition as canonical plain data."""
        return {"absent": self.absent, "longer_than": seconds(self.longer_than)}


@dataclass(frozen=True, slots=True)
class InBand:
    """A score stands in a band."""

    score: str
    band: str
    topic: Literal["profile", "score"] = "score"

    @property
    def outcome(self) -> AlertOutcome | None:
        """Only the end of a churn risk says that the customer stayed."""
        return "retained" if self.score == "churn_risk" else None

    def written(self) -> dict[str, str | int]:
        """The condition as canonical plain data."""
        return {"score": self.score, "band": self.band}


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the customer, until another one settles it."""

    event: str
    until: str
    topic: Literal["profile", "score"] = "profile"
    outcome: AlertOutcome | None = None

    def written(self) -> dict[str, str | int]:
        """The condition as canonical plain data."""
        return {"event": self.event, "until": self.until}


When = Absent | InBand | Happened


@dataclass(frozen=True, slots=True)
class Rule:
    """When to alert, how bad it is, and whom to tell. `grace` delays notice, never `fired_at`."""

    id: str
    when: When
    severity: Severity
    notify: tuple[Told, ...] = ()
    grace: timedelta = timedelta()

    def written(self) -> dict[str, Any]:
        """The rule as canonical plain data: two rules with the same are the same rule."""
        return {
            "id": self.id,
            "when": self.when.written(),
            "severity": self.severity,
            "notify": sorted(self.notify),
            "grace": seconds(self.grace),
        }


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one file. `version` is a short hash of their content, whatever its order and spelling."""

    rules: tuple[Rule, ...]
    version: str
    body: str


@dataclass(frozen=True, slots=True)
class RuleError:
    """One thing that is wrong: in which rule (its id, or its place `#2`), which field, and why."""

    rule: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"rule {self.rule}, {self.field}: {self.reason}"


class RulesInvalid(Exception):
    """The rules cannot be used; `errors` holds everything that is wrong with them."""

    def __init__(self, errors: Iterable[RuleError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


def seconds(duration: timedelta) -> int:
    """Whole seconds of a duration of the grammar."""
    return duration.days * 86_400 + duration.seconds


def parse_rules(plain: object) -> RuleSet:
    """Rules from the plain structure of a rules file, or `RulesInvalid` with every error in it."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("rules"), list):
        raise RulesInvalid([RuleError("-", "rules", "the file must hold one list named rules")])
    errors = [RuleError("-", str(key), "is not a known key") for key in plain if key != "rules"]
    rules = [_RuleReader(place, item, errors).read() for place, item in enumerate(plain["rules"], 1)]
    seen: set[str] = set()
    for rule in rules:
        if rule is not None and rule.id in seen:
            errors.append(RuleError(rule.id, "id", "is used by another rule already"))
        if rule is not None:
            seen.add(rule.id)
    if errors:
        raise RulesInvalid(errors)
    return rule_set(rule for rule in rules if rule is not None)


def rule_set(rules: Iterable[Rule]) -> RuleSet:
    """A rule set of rules that are right already, with its version."""
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    body = json.dumps([rule.written() for rule in ordered], sort_keys=True, separators=(",", ":"))
    return RuleSet(ordered, hashlib.sha256(body.encode()).hexdigest()[:12], body)


class _RuleReader:
    """Reads one rule and notes what is wrong with it."""

    def __init__(self, place: int, item: object, errors: list[RuleError]) -> None:
        self._item: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        self._is_mapping = isinstance(item, Mapping)
        name = self._item.get("id")
        self._name = name if isinstance(name, str) and name else f"#{place}"
        self._errors = errors

    def read(self) -> Rule | None:
        """The rule, or None with the reasons noted."""
        before = len(self._errors)
        if not self._is_mapping:
            self._refuse("rule", "must be a mapping with id, when and severity")
            return None
        for key in self._item.keys() - {"id", "when", "severity", "notify", "grace"}:
            self._refuse(str(key), "is not a known key")
        identity = self._required("id", lambda v: _matching(v, _RULE_ID, "must be lower-case letters, digits and -"))
        when = self._required("when", self._when)
        severity = self._required("severity", lambda value: _one_of(value, SEVERITIES))
        notify = self._field("notify", self._item.get("notify", []), _recipients) or ()
        grace = self._field("grace", self._item.get("grace", "0s"), _duration) or timedelta()
        if len(self._errors) > before or identity is None or when is None or severity is None:
            return None
        return Rule(identity, when, cast(Severity, severity), notify, grace)

    def _when(self, value: object) -> When | None:
        kinds = [kind for kind in _KINDS if isinstance(value, Mapping) and kind in value]
        if not isinstance(value, Mapping) or len(kinds) != 1:
            raise ValueError("must name exactly one of absent, score and event")
        kind = kinds[0]
        for key in value.keys() - _KINDS[kind]:
            self._refuse(f"when.{key}", f"is not a known key of {kind}")
        if kind == "absent":
            absent = self._inner(value, "absent", lambda v: _one_of(v, ABSENT))
            longer_than = self._inner(value, "longer_than", _absence)
            return Absent(absent, longer_than) if absent and longer_than else None
        if kind == "score":
            score, band = self._inner(value, "score", _code), self._inner(value, "band", _code)
            return InBand(score, band) if score and band else None
        event = self._inner(value, "event", lambda v: _one_of(v, tuple(EVENTS)))
        until = self._inner(value, "until", lambda v: _one_of(v, EVENTS[event] if event else ()))
        return Happened(event, until) if event and until else None

    def _required(self, name: str, read: Callable[[object], Field]) -> Field | None:
        if name not in self._item:
            self._refuse(name, "is missing")
            return None
        return self._field(name, self._item[name], read)

    def _inner(self, when: Mapping[str, Any], name: str, read: Callable[[object], Field]) -> Field | None:
        if name not in when:
            self._refuse(f"when.{name}", "is missing")
            return None
        return self._field(f"when.{name}", when[name], read)

    def _field(self, name: str, value: object, read: Callable[[object], Field]) -> Field | None:
        try:
            return read(value)
        except ValueError as error:
            self._refuse(name, str(error))
            return None

    def _refuse(self, name: str, reason: str) -> None:
        self._errors.append(RuleError(self._name, name, reason))


def _matching(value: object, pattern: re.Pattern[str], reason: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError(reason)
    return value


def _code(value: object) -> str:
    return _matching(value, _CODE, "must be lower-case letters, digits and _")


def _one_of(value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}" if choices else "must fit the event")
    return value


def _recipients(value: object) -> tuple[Told, ...]:
    if not isinstance(value, list) or any(item not in RECIPIENTS for item in value) or len(value) > len(set(value)):
        raise ValueError("must be a list of owner and customer, each at most once")
    return cast(tuple[Told, ...], tuple(recipient for recipient in RECIPIENTS if recipient in value))


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a number with a unit, like 90d, 36h, 15m or 30s")
    duration = timedelta(seconds=min(int(match[1]) * _UNIT_SECONDS[match[2]], 10**10))
    if duration > LONGEST:
        raise ValueError(f"must be at most {LONGEST.days}d")
    return duration


def _absence(value: object) -> timedelta:
    duration = _duration(value)
    if duration < SHORTEST_ABSENCE:
        raise ValueError(f"must be at least {SHORTEST_ABSENCE.days}d: shorter absences are not kept in the history")
    return duration
