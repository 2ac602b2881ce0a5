"""The churn model: its value, its exact transitions and its band history."""

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain import churn_risk
from services.scoring.domain.entities import BandSpell, Inputs
from tests.unit.scoring.customers import LISTED, START, anchor_of, inputs_from

MICROSECOND = timedelta(microseconds=1)
PERIOD_MICROS = 180 * 86_400 * 1_000_000
FOREVER = timedelta(days=400)


def exact_value(since_purchase: timedelta, purchase_days: int) -> Fraction:
    """The formula of the design, in rational numbers."""
    recency = min(Fraction(1), Fraction(max(since_purchase, timedelta(0)) // MICROSECOND, PERIOD_MICROS))
    return 100 * (Fraction(8, 10) * recency + Fraction(2, 10) / purchase_days)


def exact_band(since_purchase: timedelta, purchase_days: int) -> str:
    value = exact_value(since_purchase, purchase_days)
    return "high" if value >= 70 else "medium" if value >= 40 else "low"


def at_purchase_days(days: int) -> Inputs:
    inputs = inputs_from([START])
    inputs.purchase_days = days
    return inputs


@pytest.mark.parametrize(
    ("since", "days", "value", "band"),
    [
        (timedelta(0), 1, 20.0, "low"),
        (timedelta(days=45), 1, 40.0, "medium"),
        (timedelta(days=112, hours=12), 1, 70.0, "high"),
        (timedelta(days=180), 1, 100.0, "high"),
        (timedelta(days=900), 1, 100.0, "high"),
        (timedelta(days=90), 2, 50.0, "medium"),
        (timedelta(days=135), 2, 70.0, "high"),
        (timedelta(days=180), 5, 84.0, "high"),
    ],
)
def test_known_values(since: timedelta, days: int, value: float, band: str) -> None:
    score = churn_risk.evaluate(at_purchase_days(days), START + since)
    assert (score["value"], score.get("band")) == (value, band)
    assert score["model"] == {"name": "baseline-1", "version": "1"}


def test_does_not_apply_without_a_purchase() -> None:
    score = churn_risk.evaluate(inputs_from([]), START)
    assert score["value"] is None
    assert score.get("reason") == "no_purchase"
    assert "band" not in score
    assert churn_risk.next_transition(inputs_from([]), START) is None


def test_a_purchase_slightly_in_the_future_counts_as_just_now() -> None:
    score = churn_risk.evaluate(at_purchase_days(4), START - timedelta(minutes=5))
    assert (score["value"], score.get("band"), score.get("bands")) == (5.0, "low", [])


@given(st.integers(1, 5_000), st.timedeltas(timedelta(minutes=-5), FOREVER))
def test_contributions_add_up_and_value_and_band_follow_the_formula(days: int, since: timedelta) -> None:
    score = churn_risk.evaluate(at_purchase_days(days), START + since)
    value = score["value"]
    assert value == float(exact_value(since, days))
    assert abs(sum(part["points"] for part in score.get("contributions", ())) - value) < 1e-9
    assert score.get("band") == exact_band(since, days)


@given(st.integers(1, 1_000_000), st.timedeltas(timedelta(minutes=-5), FOREVER))
def test_next_transition_is_the_first_microsecond_of_the_next_band(days: int, since: timedelta) -> None:
    inputs, now = at_purchase_days(days), START + since
    at = churn_risk.next_transition(inputs, now)
    assert churn_risk.evaluate(inputs, now).get("next_transition_at") == at
    band = exact_band(since, days)
    if at is None:
        assert band == "high"
        return
    assert at > now
    assert exact_band(at - MICROSECOND - START, days) == band
    assert churn_risk.evaluate(inputs, at - MICROSECOND).get("band") == band
    assert exact_band(at - START, days) == churn_risk.evaluate(inputs, at).get("band") != band


@given(st.integers(1, 10**9))
def test_every_band_change_is_more_than_seven_days_after_the_purchase_and_within_the_period(days: int) -> None:
    """So gaps of more than 7 days, the only ones a profile lists, hold the whole band history."""
    medium, high = (churn_risk.crossing(points, days) for points in (churn_risk.MEDIUM_FROM, churn_risk.HIGH_FROM))
    assert LISTED < churn_risk.SHORTEST_GAP <= medium < high <= churn_risk.PERIOD


@given(st.integers(1, 10**9))
def test_a_purchase_always_brings_the_band_back_to_low(days: int) -> None:
    assert exact_band(timedelta(0), days) == "low"


# --- band history

purchase_times = st.lists(
    st.integers(0, 900 * 24 * 3600).map(lambda seconds: START + timedelta(seconds=seconds)), max_size=30, unique=True
)


def band_by_brute_force(purchases: list[datetime], now: datetime) -> tuple[str, datetime | None]:
    """The band at `now` knowing only what was known then, and the purchase it counts from."""
    known = [at for at in purchases if at <= now]
    if not known:
        return "low", None
    return exact_band(now - max(known), len({at.date() for at in known})), max(known)


def band_by_history(spells: list[BandSpell], at: datetime) -> tuple[str, datetime | None]:
    """The band that a history says, and the anchor it gives for it."""
    standing = [s for s in spells if s["since"] <= at and (s["until"] is None or at < s["until"])]
    assert len(standing) <= 1
    if not standing:
        return "low", None
    return standing[0]["band"], datetime.fromisoformat(standing[0]["anchor"]["id"])


@given(purchase_times, st.lists(st.timedeltas(timedelta(0), timedelta(days=1200)), max_size=40))
def test_band_history_equals_evaluation_at_every_instant(purchases: list[datetime], moments: list[timedelta]) -> None:
    now = START + timedelta(days=1200)
    spells = churn_risk.band_history(inputs_from(purchases), now)
    edges = [s["since"] for s in spells] + [s["until"] for s in spells if s["until"] is not None]
    instants = [START + m for m in moments] + purchases + edges
    for at in [*instants, *(at - MICROSECOND for at in instants), *(at + MICROSECOND for at in instants)]:
        if at > now:
            continue
        band, last = band_by_brute_force(purchases, at)
        assert band_by_history(spells, at) == (band, last if band != "low" else None)


@given(purchase_times, st.timedeltas(timedelta(0), timedelta(days=1200)))
def test_the_history_seen_earlier_is_the_beginning_of_the_one_seen_later(
    purchases: list[datetime], moment: timedelta
) -> None:
    then = START + moment
    earlier = churn_risk.band_history(inputs_from([at for at in purchases if at <= then]), then)
    later = churn_risk.band_history(inputs_from(purchases), START + timedelta(days=1200))
    assert [s["since"] for s in earlier] == [s["since"] for s in later if s["since"] <= then]
    for before, after in zip(earlier, later, strict=False):
        if before["until"] is not None:
            assert before == after
        else:
            assert (before["band"], before["anchor"]) == (after["band"], after["anchor"])


def test_a_cdnow_like_customer_rises_twice_and_comes_back_once() -> None:
    first, second, third = START, START + timedelta(days=20), START + timedelta(days=300)
    inputs = inputs_from([first, second, third])
    now = third + timedelta(days=130)
    spells = churn_risk.band_history(inputs, now)
    assert [
        (s["band"], s["since"] - s_from, s["until"], s["anchor"])
        for s, s_from in zip(spells, [second, second, third], strict=True)
    ] == [
        ("medium", timedelta(days=67, hours=12), second + timedelta(days=135), anchor_of(second)),
        ("high", timedelta(days=135), third, anchor_of(second)),
        ("medium", timedelta(days=75), None, anchor_of(third)),
    ]
    assert churn_risk.next_transition(inputs, now) == third + timedelta(days=142, hours=12)


def test_a_gap_that_ends_at_the_very_instant_of_a_crossing_leaves_no_spell() -> None:
    high_at = START + timedelta(days=112, hours=12)
    spells = churn_risk.band_history(inputs_from([START, high_at]), high_at + timedelta(days=1))
    assert [(s["band"], s["until"]) for s in spells] == [("medium", high_at)]


def test_what_ended_before_the_history_is_left_out_and_what_reaches_into_it_keeps_its_true_beginning() -> None:
    purchases = [START, START + timedelta(days=150), START + timedelta(days=400)]
    cut = START + timedelta(days=320)
    spells = churn_risk.band_history(inputs_from(purchases, history_since=cut), START + timedelta(days=401))
    assert [(s["band"], s["since"]) for s in spells] == [("high", START + timedelta(days=150 + 135))]
