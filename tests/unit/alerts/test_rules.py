"""The rule grammar."""

from datetime import timedelta
from typing import Any

import pytest

from services.alerts.domain.rules import Absent, Happened, InBand, RulesInvalid, parse_rules
from tests.unit.alerts.histories import rule

EXAMPLES = [
    {
        "id": "no-purchase-90d",
        "when": {"absent": "customer.purchase", "longer_than": "90d"},
        "grace": "0s",
        "severity": "warning",
        "notify": ["owner", "customer"],
    },
    {
        "id": "churn-risk-high",
        "when": {"score": "churn_risk", "band": "high"},
        "severity": "critical",
        "notify": ["owner"],
    },
    {
        "id": "complaint-opened",
        "when": {"event": "customer.complaint.opened", "until": "customer.complaint.resolved"},
        "severity": "warning",
        "notify": ["owner"],
    },
]


def errors_of(*rules: Any) -> list[tuple[str, str]]:
    with pytest.raises(RulesInvalid) as invalid:
        parse_rules({"rules": list(rules)})
    return [(error.rule, error.field) for error in invalid.value.errors]


def test_the_rules_of_the_design_are_read() -> None:
    """All three kinds, in the words of the design."""
    whens = {one.id: one.when for one in parse_rules({"rules": EXAMPLES}).rules}
    assert whens == {
        "no-purchase-90d": Absent("customer.purchase", timedelta(days=90)),
        "churn-risk-high": InBand("churn_risk", "high"),
        "complaint-opened": Happened("customer.complaint.opened", "customer.complaint.resolved"),
    }


def test_several_rules_of_a_kind_are_allowed() -> None:
    """Sixty and ninety days may both be watched."""
    sixty = {**EXAMPLES[0], "id": "no-purchase-60d", "when": {"absent": "customer.purchase", "longer_than": "60d"}}
    assert len(parse_rules({"rules": [EXAMPLES[0], sixty]}).rules) == 2


def test_the_version_follows_the_content_and_nothing_else() -> None:
    """Order, spelling of durations and defaults left out make no difference; a changed day does."""
    spelt = {
        **EXAMPLES[0],
        "when": {"absent": "customer.purchase", "longer_than": "2160h"},
        "notify": ["customer", "owner"],
    }
    del spelt["grace"]
    first = parse_rules({"rules": EXAMPLES}).version
    assert parse_rules({"rules": [*EXAMPLES[1:], spelt]}).version == first
    changed = {**EXAMPLES[0], "when": {"absent": "customer.purchase", "longer_than": "91d"}}
    assert parse_rules({"rules": [*EXAMPLES[1:], changed]}).version != first


@pytest.mark.parametrize(("text", "length"), [("36h", 129_600), ("15m", 900), ("30s", 30), ("2d", 172_800)])
def test_durations_are_exact_seconds(text: str, length: int) -> None:
    """A number with one unit."""
    assert rule(grace=text).grace == timedelta(seconds=length)


@pytest.mark.parametrize(
    "duration", ["6d", "167h", "604799s", "90", "90 d", "-90d", "1.5d", 90, None, "999999999d", True]
)
def test_an_absence_is_at_least_a_week_and_has_a_unit(duration: Any) -> None:
    """The history keeps only absences longer than seven days."""
    bad = {**EXAMPLES[0], "when": {"absent": "customer.purchase", "longer_than": duration}}
    assert errors_of(bad) == [("no-purchase-90d", "when.longer_than")]


def test_all_errors_are_told_at_once_with_rule_and_field() -> None:
    """The operator corrects the file in one go."""
    found = errors_of(
        {"id": "A!", "when": {"absent": "customer.visit", "longer_than": "1d"}, "severity": "bad", "notify": "owner"},
        {"when": {"score": "churn_risk", "event": "x"}, "severity": "info", "colour": "red"},
        {"id": "c", "when": {"event": "customer.complaint.opened"}, "grace": "soon", "severity": "info"},
        {
            "id": "d",
            "when": {"score": "churn_risk", "band": "high", "above": 70},
            "severity": "info",
            "notify": ["boss"],
        },
        EXAMPLES[0],
        EXAMPLES[0],
        "no rule at all",
    )
    assert set(found) == {
        ("A!", "id"), ("A!", "when.absent"), ("A!", "when.longer_than"), ("A!", "severity"), ("A!", "notify"),
        ("#2", "id"), ("#2", "when"), ("#2", "colour"),
        ("c", "when.until"), ("c", "grace"),
        ("d", "when.above"), ("d", "notify"),
        ("no-purchase-90d", "id"),
        ("#7", "rule"),
    }  # fmt: skip
    assert len(found) == len(set(found))


@pytest.mark.parametrize("plain", [None, [], {}, {"rules": {}}, {"rules": None}])
def test_a_file_without_a_list_of_rules_is_refused(plain: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(RulesInvalid):
        parse_rules(plain)


def test_unknown_keys_of_the_file_are_refused() -> None:
    """A misspelt `rules` must not switch everything off."""
    with pytest.raises(RulesInvalid):
        parse_rules({"rules": EXAMPLES, "rulse": []})


def test_no_rules_at_all_is_a_choice() -> None:
    """An empty list is valid."""
    assert parse_rules({"rules": []}).rules == ()
