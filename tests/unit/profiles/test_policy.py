"""A policy is valid as a whole or refused with every reason."""

from copy import deepcopy
from typing import Any

import pytest

from services.profiles.domain.policy import PolicyError, parse_policy
from tests.unit.profiles.facts import CONTENT


def changed(section: str, **fields: Any) -> dict[str, Any]:
    content = deepcopy(CONTENT)
    content[section].update(fields)
    return content


def test_the_version_follows_the_meaning_not_the_spelling() -> None:
    same = parse_policy(changed("lifecycle", new_for="720h"))
    assert same == parse_policy(CONTENT) == parse_policy(changed("value", high_from="200.00"))
    assert parse_policy(changed("value", high_from="201")).version != same.version


@pytest.mark.parametrize(
    ("section", "fields", "problem"),
    [
        ("lifecycle", {"new_for": "a month"}, "lifecycle.new_for: must be a duration"),
        ("lifecycle", {"new_for": 30}, "lifecycle.new_for: must be a duration"),
        ("lifecycle", {"new_for": "0d"}, "lifecycle.new_for: must be from 1s"),
        ("lifecycle", {"lapsing_after": "7d"}, "lifecycle.lapsing_after: must be from 8d"),
        ("lifecycle", {"new_for": "61d"}, "lifecycle.new_for: must not be longer than lapsing_after"),
        ("lifecycle", {"won_back_for": "61d"}, "lifecycle.won_back_for: must not be longer than lapsing_after"),
        ("lifecycle", {"churned_after": "120d"}, "lifecycle.churned_after: must be longer than dormant_after"),
        ("lifecycle", {"asleep_after": "1d"}, "lifecycle.asleep_after: unknown"),
        ("behaviour", {"frequent_from": True}, "behaviour.frequent_from: must be a whole number"),
        ("behaviour", {"frequent_from": 1}, "behaviour.frequent_from: must be a whole number"),
        ("value", {"currency": "usd"}, "value.currency: must be three capital letters"),
        ("value", {"high_from": 200.5}, "value.high_from: must be an amount in quotes"),
        ("value", {"mid_from": "300"}, "value.mid_from: must not be more than high_from"),
    ],
)
def test_a_refusal_names_the_field_and_the_reason(section: str, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        parse_policy(changed(section, **fields))


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy({"lifecycle": {"new_for": "x"}, "behaviour": None, "extra": {}})
    assert len(refused.value.problems) == 8
    with pytest.raises(PolicyError, match="must hold the sections"):
        parse_policy(None)
