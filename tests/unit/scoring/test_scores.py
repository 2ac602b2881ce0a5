"""All kinds together: sums, scales, reasons, what would move them, and the contract they travel as."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain import scores
from services.scoring.domain.entities import Inputs
from services.scoring.domain.monetary import main_currency
from shared.contracts import Score
from tests.unit.scoring.customers import START, inputs_from

HOUR = timedelta(hours=1)
offsets = st.lists(st.integers(0, 600 * 24), max_size=12)


def value_of(inputs: Inputs, kind: str, now: datetime) -> float | None:
    return scores.score(inputs, now, profile_version=1)["kinds"][kind]["value"]


@given(offsets, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_the_contributions_of_every_kind_add_up_to_its_value(hours: list[int], moment: timedelta) -> None:
    inputs = inputs_from(START + HOUR * hour for hour in hours)
    score = scores.score(inputs, START + moment, profile_version=1)
    assert set(score["kinds"]) == set(scores.KINDS)
    for kind in score["kinds"].values():
        if kind["value"] is None:
            assert kind.get("reason")
            assert not kind.get("contributions")
        else:
            assert abs(sum(part["points"] for part in kind.get("contributions", ())) - kind["value"]) < 1e-9


@given(offsets, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_a_score_is_the_contract_on_the_wire(hours: list[int], moment: timedelta) -> None:
    inputs = inputs_from(START + HOUR * hour for hour in hours)
    score = scores.score(inputs, START + moment, profile_version=7)
    sent = msgspec.json.encode(score)
    written = msgspec.json.decode(sent)
    whole = msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(sent, type=Score, strict=True)))
    assert whole.keys() == written.keys()
    for name, kind in written["kinds"].items():
        read = whole["kinds"][name]
        assert {key: read[key] for key in kind} == kind
        assert not any(read[key] for key in read.keys() - kind.keys())  # what is not sent is empty by default


def test_without_any_purchase_only_reasons_are_left() -> None:
    kinds = scores.score(inputs_from([]), START, profile_version=1)["kinds"]
    assert {name: kind.get("reason") for name, kind in kinds.items()} == {
        "churn_risk": "no_purchase",
        "recency": "no_purchase",
        "frequency": "no_purchase",
        "monetary": "no_purchase",
        "inactivity": "no_activity",
    }


def test_days_since_are_exact_fractions_of_86400_seconds() -> None:
    inputs = inputs_from([START])
    inputs.last_activity_at = START + timedelta(days=3)
    now = START + timedelta(days=10, hours=12)
    assert value_of(inputs, "recency", now) == 10.5
    assert value_of(inputs, "inactivity", now) == 7.5


def test_frequency_counts_days_and_not_purchases() -> None:
    inputs = inputs_from([START, START + HOUR, START + timedelta(days=3)])
    assert value_of(inputs, "frequency", START) == 2.0


@pytest.mark.parametrize(
    ("spend", "currency"),
    [
        ({"USD": "10.00"}, "USD"),
        ({"USD": "10.00", "EUR": "9.99"}, "USD"),
        ({"USD": "9", "EUR": "9.00"}, "EUR"),
        ({"USD": "-1.00", "EUR": "-2.00"}, "USD"),
    ],
)
def test_money_is_counted_in_the_currency_with_most_of_it(spend: dict[str, str], currency: str) -> None:
    assert main_currency(spend) == currency


def test_other_currencies_are_named_and_not_added() -> None:
    inputs = inputs_from([START])
    inputs.spend = {"EUR": "5.00", "USD": "7.25", "GBP": "1.00"}
    kind = scores.score(inputs, START, profile_version=1)["kinds"]["monetary"]
    assert kind["value"] == 7.25
    assert [part["evidence"] for part in kind.get("contributions", ())] == ["USD=7.25 other_currencies=2"]


def test_a_purchase_without_any_amount_has_no_monetary_value() -> None:
    inputs = inputs_from([START])
    inputs.spend = {}
    assert scores.score(inputs, START, profile_version=1)["kinds"]["monetary"].get("reason") == "no_amount"


@pytest.mark.parametrize("status", ["merged", "erased"])
def test_who_was_merged_or_erased_has_no_scores_and_no_transition(status: str) -> None:
    inputs = inputs_from([START])
    inputs.status = "merged" if status == "merged" else "erased"
    score = scores.score(inputs, START, profile_version=3)
    assert (score["status"], score["kinds"], score["next_transition_at"]) == (status, {}, None)
    assert scores.moves(inputs, START) == {}


def test_what_would_move_a_score_is_a_purchase_or_time() -> None:
    now = START + timedelta(days=60)
    moves = scores.moves(inputs_from([START]), now)
    assert moves["churn_risk"] == [
        {"by": "customer.purchase", "at": now, "value": 10.0, "band": "low"},
        {"by": "time", "at": START + timedelta(days=112, hours=12), "value": 70.0, "band": "high"},
    ]
    assert [(move["by"], move["value"]) for move in moves["frequency"]] == [("customer.purchase", 2.0)]
    assert "monetary" not in moves


@given(offsets.filter(bool), st.integers(0, 900))
def test_the_move_a_purchase_promises_is_the_score_after_it(hours: list[int], days: int) -> None:
    purchases = [START + HOUR * hour for hour in set(hours)]
    now = max(purchases) + timedelta(days=days)
    bought = scores.after_purchase(inputs_from(purchases), now)
    really = inputs_from([*purchases, now]) if days else bought
    for kind in ("churn_risk", "recency", "frequency", "inactivity"):
        assert value_of(bought, kind, now) == value_of(really, kind, now)
