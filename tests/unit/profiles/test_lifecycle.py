"""Where a customer stands by time alone, to the instant."""

import pytest

from services.profiles.domain.profiles import apply, settle
from tests.unit.profiles.facts import DAY, MOMENT, Told, at, customer, policy, purchase, told


def changes(*facts: Told, now: float) -> list[tuple[str, float]]:
    return [(c["lifecycle"], (c["since"] - at(0)) / DAY) for c in customer(*facts, now=now).history.lifecycle]


def test_without_a_purchase_a_customer_is_a_prospect_whatever_time_passes() -> None:
    state = customer(told("visit", 0), now=900)
    assert (state.lifecycle, state.lifecycle_since, state.next_transition_at) == ("prospect", None, None)


@pytest.mark.parametrize(
    ("days", "before", "after"),
    [
        (30, "new", "active"),
        (60, "active", "lapsing"),
        (120, "lapsing", "dormant"),
        (180, "dormant", "churned"),
    ],
)
def test_at_exactly_n_days_the_old_state_holds_and_one_moment_later_the_new(days: int, before: str, after: str) -> None:
    state = customer(purchase(0), now=days)
    assert state.lifecycle == before
    assert state.next_transition_at == at(days)
    settle(state, policy(), at(days) + MOMENT)
    assert (state.lifecycle, state.lifecycle_since) == (after, at(days))


def test_all_changes_that_time_brought_are_listed_with_their_exact_instants() -> None:
    assert changes(purchase(0), now=400) == [
        ("new", 0),
        ("active", 30),
        ("lapsing", 60),
        ("dormant", 120),
        ("churned", 180),
    ]
    assert customer(purchase(0), now=400).next_transition_at is None


def test_a_purchase_exactly_n_days_after_the_last_never_lapses() -> None:
    assert changes(purchase(0), purchase(60), now=100) == [("new", 0), ("active", 30)]


def test_a_purchase_a_moment_after_n_days_lapsed_and_came_back() -> None:
    listed = changes(purchase(0), purchase(60.001), now=100)
    assert [name for name, _ in listed] == ["new", "active", "lapsing", "active"]


def test_who_returns_after_exactly_the_churn_time_was_dormant_only() -> None:
    assert changes(purchase(0), purchase(180), now=181)[-2:] == [("dormant", 120), ("active", 180)]


def test_who_returns_from_churn_is_won_back_for_a_while_and_then_active() -> None:
    facts = purchase(0), purchase(200), purchase(220)
    assert customer(*facts, now=230).lifecycle == "won_back"
    assert customer(*facts, now=230).next_transition_at == at(230)
    assert changes(*facts, now=231)[-2:] == [("won_back", 200), ("active", 230)]


def test_several_purchases_in_one_instant_change_nothing_after_the_first() -> None:
    facts = purchase(0, id="a"), purchase(0, id="b"), purchase(200, id="c"), purchase(200, id="d")
    state = customer(*facts, now=201)
    assert changes(*facts, now=201)[-2:] == [("churned", 180), ("won_back", 200)]
    assert (state.aggregates.purchases, state.aggregates.purchase_days) == (4, 2)
    assert state.aggregates.last_purchase == {"reference": "shop:1", "source": "urn:shop", "id": "d"}


def test_a_purchase_that_becomes_known_takes_back_what_time_had_assumed() -> None:
    state = customer(purchase(0), now=200)
    apply(state, [purchase(50)], policy(), at(201))
    assert state == customer(purchase(0), purchase(50), now=201)
    assert [c["lifecycle"] for c in state.history.lifecycle] == ["new", "active", "lapsing", "dormant"]


def test_a_purchase_a_little_ahead_of_our_clock_counts_at_once() -> None:
    state = customer(purchase(1), now=0.999)
    assert (state.lifecycle, state.lifecycle_since) == ("new", at(1))


def test_settling_twice_changes_nothing_and_a_clock_slightly_behind_does_not_either() -> None:
    state = customer(purchase(0), now=60.5)
    settle(state, policy(), at(60.5))
    assert state == customer(purchase(0), now=60.5)
    settle(state, policy(), at(59.9))
    assert state == customer(purchase(0), now=59.9)


def test_a_leap_day_is_a_day_like_any_other() -> None:
    state = customer(purchase(0), now=60)
    assert state.next_transition_at is not None
    assert state.next_transition_at.isoformat() == "2024-03-01T00:00:00+00:00"
    assert customer(purchase(59), now=59).aggregates.first_purchase_at.day == 29  # type: ignore[union-attr]


def test_who_did_anything_after_what_is_settled_stands_where_that_put_them() -> None:
    """No purchase of theirs is missing before their own newest interaction; after it nobody knows yet."""
    state = customer(purchase(0), told("visit", 61), now=40)
    assert (state.lifecycle, state.next_transition_at) == ("lapsing", at(120))
    assert customer(purchase(0), told("visit", 20), now=40).lifecycle == "active"
