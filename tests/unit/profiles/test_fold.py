"""What each type of interaction does to a customer."""

from datetime import timedelta, timezone

import pytest

from services.profiles.domain.classes import behaviour_class, value_tier
from services.profiles.domain.entities import Aggregates
from services.profiles.domain.profiles import in_order, merged, recompute_reason
from tests.unit.profiles.facts import CONTENT, Opened, Told, at, customer, policy, purchase, told


def test_sums_are_exact_and_keep_the_largest_scale() -> None:
    assert customer(purchase(0, "0.10"), purchase(1, "0.20")).aggregates.spend == {"USD": "0.30"}
    assert customer(purchase(0, "1"), purchase(1, "0.005")).aggregates.spend == {"USD": "1.005"}


def test_a_zero_amount_is_a_purchase_and_so_is_one_without_an_amount() -> None:
    state = customer(purchase(0, "0.00"), purchase(1, None))
    assert (state.aggregates.purchases, state.aggregates.spend) == (2, {"USD": "0.00"})


def test_totals_are_kept_per_currency() -> None:
    state = customer(purchase(0, "5.00"), purchase(1, "7", currency="EUR"))
    assert state.aggregates.spend == {"USD": "5.00", "EUR": "7"}


def test_a_refund_is_taken_off_the_spend_and_is_no_purchase() -> None:
    aggregates = customer(purchase(0, "5.00"), told("refund", 1, amount="7.50", currency="USD")).aggregates
    assert (aggregates.spend, aggregates.purchases, aggregates.refunds) == ({"USD": "-2.50"}, 1, 1)
    assert (aggregates.activities, aggregates.interactions) == (1, 2)


@pytest.mark.parametrize("amount", ["ten", "", "-1", "1e400", "NaN", "1_000", "٣", "0.0000001", 7, 1.5, None, [], True])
def test_an_amount_that_cannot_be_read_is_skipped_and_the_purchase_counts(amount: object) -> None:
    state = customer(told("purchase", 0, amount=amount, currency="USD"))
    assert (state.aggregates.purchases, state.aggregates.spend) == (1, {})


def test_a_gap_is_kept_when_it_is_longer_than_seven_days_and_begins_at_the_last_of_an_instant() -> None:
    state = customer(purchase(0, id="a"), purchase(0, id="b"), purchase(7), purchase(14.001))
    (gap,) = state.history.purchase_gaps
    assert (gap.since, gap.until, gap.ordinal) == (at(7), at(14.001), 2)
    state = customer(purchase(0, id="a"), purchase(0, id="b"), purchase(8))
    (gap,) = state.history.purchase_gaps
    assert (gap.id, gap.ordinal) == ("b", 1)


def test_purchase_days_are_distinct_days_in_utc() -> None:
    assert customer(purchase(0.1), purchase(0.9), purchase(1.0)).aggregates.purchase_days == 2
    assert customer(purchase(0.9), purchase(1.1)).aggregates.purchase_days == 2
    assert customer(purchase(0), purchase(31)).aggregates.purchase_days == 2
    east = Told("customer.purchase", at(0.9).astimezone(timezone(timedelta(hours=9))), "p-2")
    assert customer(purchase(0.5), east).aggregates.purchase_days == 1
    assert customer(east) == customer(Told("customer.purchase", at(0.9), "p-2"))


def test_a_visit_ends_a_gap_without_activity_but_none_without_a_purchase() -> None:
    history = customer(purchase(0), told("visit", 10), purchase(20)).history
    assert [gap.since for gap in history.activity_gaps] == [at(0), at(10)]
    assert [gap.since for gap in history.purchase_gaps] == [at(0)]


@pytest.mark.parametrize("kind", ["contacted", "identified", "owner.assigned", "tagged", "survey.sent", "of.our.own"])
def test_what_the_customer_did_not_do_counts_as_an_interaction_only(kind: str) -> None:
    aggregates = customer(told(kind, 0)).aggregates
    assert (aggregates.interactions, aggregates.activities, aggregates.last_activity_at) == (1, 0, None)


def test_a_case_is_answered_and_resolved_by_its_number() -> None:
    state = customer(
        told("complaint.opened", 0, case="A"),
        told("complaint.opened", 1, case="B"),
        told("complaint.answered", 2, case="A"),
        told("complaint.answered", 3, case="A"),
        told("complaint.resolved", 4, case="A"),
        told("complaint.resolved", 5, case="unheard of"),
    )
    first, second = state.history.complaints
    assert (first["opened_at"], first["answered_at"], first["resolved_at"]) == (at(0), at(2), at(4))
    assert (second["answered_at"], second["resolved_at"]) == (None, None)
    assert state.aggregates.open_complaints == 1


def test_a_resolution_without_a_number_closes_every_case_without_one_that_opened_before() -> None:
    state = customer(
        told("complaint.opened", 0),
        told("complaint.opened", 1, case="B"),
        told("complaint.opened", 2),
        told("complaint.resolved", 3),
        told("complaint.opened", 4),
    )
    assert [case["resolved_at"] for case in state.history.complaints] == [at(3), None, at(3), None]
    assert state.aggregates.open_complaints == 2


def test_the_last_word_on_an_attribute_wins_and_says_who_and_when() -> None:
    state = customer(
        told("identified", 0, locale="en", zone="Europe/Berlin", age=7),
        told("identified", 1, locale="zh-CN", zone=None, region=["odd"]),
    )
    assert (state.locale, state.zone) == ("zh-CN", "Europe/Berlin")
    assert {name: (said.value, said.time) for name, said in state.attributes.items()} == {
        "locale": ("zh-CN", at(1)),
        "zone": ("Europe/Berlin", at(0)),
        "age": (7, at(0)),
    }


def test_personal_data_is_merged_field_by_field() -> None:
    state = customer(
        Told("customer.identified", at(0), "1", pii=Opened({"name": "Ada", "email": "a@example.org"})),
        Told("customer.identified", at(1), "2", pii=Opened({"email": "b@example.org", "phone": None})),
        Told("customer.message", at(2), "3", pii=Opened({"text": "stays in the timeline"})),
    )
    assert state.pii is not None
    assert state.pii.value == {
        "name": {"value": "Ada", "source": "urn:shop", "time": "2024-01-01T00:00:00Z"},
        "email": {"value": "b@example.org", "source": "urn:shop", "time": "2024-01-02T00:00:00Z"},
    }


def test_consent_is_kept_per_channel_and_purpose_and_an_unsubscribe_withdraws_it() -> None:
    state = customer(
        told("consent", 0, channel="email", granted=True),
        told("consent", 1, channel="sms", purpose="service", granted=True),
        told("consent", 2, channel="sms", granted="yes"),
        told("notification.unsubscribed", 3, channel="email"),
    )
    assert {key: consent.granted for key, consent in state.consent.items()} == {
        "email:marketing": False,
        "sms:service": True,
    }


def test_an_owner_stays_since_the_first_assignment_until_released() -> None:
    facts = [told("owner.assigned", 0, owner="kim"), told("owner.assigned", 5, owner="kim")]
    owner = customer(*facts).owner
    assert owner is not None
    assert (owner.staff_id, owner.since) == ("kim", at(0))
    assert customer(*facts, told("owner.released", 6)).owner is None


def test_surveys_need_a_kind_and_a_number() -> None:
    state = customer(
        told("survey.answered", 0, kind="nps", score=9),
        told("survey.answered", 1, kind="csat", score="good"),
        told("survey.answered", 2, score=3),
    )
    assert [(survey["kind"], survey["score"]) for survey in state.history.surveys] == [("nps", 9.0)]


def test_an_interaction_is_late_when_its_key_is_not_after_the_newest() -> None:
    state = customer(purchase(5, id="m"))
    assert recompute_reason(state, purchase(5, id="n"), policy()) is None
    assert recompute_reason(state, purchase(5, id="m"), policy()) == "late"
    assert recompute_reason(state, purchase(5, id="a"), policy()) == "late"
    assert recompute_reason(state, purchase(4.9, id="z"), policy()) == "late"
    state.policy = "another"
    assert recompute_reason(state, purchase(6), policy()) == recompute_reason(state, None, policy()) == "policy"


def test_order_is_time_then_source_then_id_then_reference() -> None:
    facts = [
        Told("x", at(1), "a"),
        Told("x", at(0), "a", source="z"),
        Told("x", at(0), "b"),
        Told("x", at(0), "a", subject="z:1"),
        Told("x", at(0), "a"),
    ]
    assert in_order(facts) == [facts[4], facts[3], facts[2], facts[1], facts[0]]


def test_value_and_behaviour_follow_the_thresholds() -> None:
    tiers = {amount: customer(purchase(0, amount)).value_tier for amount in ("49.99", "50", "199.99", "200.00")}
    assert tiers == {"49.99": "low", "50": "mid", "199.99": "mid", "200.00": "high"}
    assert customer(purchase(0, None)).value_tier == "low"
    assert customer(purchase(0, "900", currency="EUR")).value_tier is None
    assert value_tier(Aggregates(), policy()) is None
    assert [behaviour_class(days, policy()) for days in (0, 1, 2, 4, 5)] == [
        None,
        "one_time",
        "occasional",
        "occasional",
        "frequent",
    ]
    assert CONTENT["behaviour"]["frequent_from"] == 5


def test_of_a_merged_customer_only_where_it_went_is_left() -> None:
    state = merged("c-2", "c-1", at(3))
    assert (state.status, state.merged_into, state.references, state.watermark) == ("merged", "c-1", [], None)
