"""Since when a rule is in force."""

from services.alerts.domain.rules import rule_set
from services.alerts.domain.rulings import Applied, rulings
from tests.support.builders import day
from tests.unit.alerts.histories import rule

NINETY = rule()
SIXTY = rule(id="no-purchase-60d", when={"absent": "customer.purchase", "longer_than": "60d"})
STRICTER = rule(severity="critical")


def since(*sets: list) -> dict[str, object]:  # type: ignore[type-arg]
    made = [rule_set(rules) for rules in sets]
    applied = [Applied(one.version, one.body, day(place)) for place, one in enumerate(made)]
    return {ruling.rule.id: ruling.since for ruling in rulings(made[-1], applied)}


def test_the_rules_of_a_fresh_store_hold_for_all_time() -> None:
    """An imported past is decided as well."""
    assert since([NINETY, SIXTY]) == {"no-purchase-90d": None, "no-purchase-60d": None}


def test_a_rule_that_comes_later_holds_from_then_on() -> None:
    """The others are not affected."""
    assert since([NINETY], [NINETY, SIXTY]) == {"no-purchase-90d": None, "no-purchase-60d": day(1)}


def test_a_changed_rule_holds_from_its_change() -> None:
    """And on, as long as it reads the same."""
    assert since([NINETY], [STRICTER], [STRICTER, SIXTY]) == {"no-purchase-90d": day(1), "no-purchase-60d": day(2)}


def test_a_rule_that_was_away_begins_anew() -> None:
    """What happened meanwhile is not made up for."""
    assert since([NINETY, SIXTY], [SIXTY], [NINETY, SIXTY]) == {"no-purchase-90d": day(2), "no-purchase-60d": None}
