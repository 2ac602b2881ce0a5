"""Any arrival order, batching and repetition give the same customer."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profiles.domain.entities import Customer, new_customer
from services.profiles.domain.profiles import apply, in_order, recompute, recompute_reason
from tests.unit.profiles.facts import MOMENT, Opened, Told, at, policy

POLICY = policy()
TYPES = [
    "customer.purchase",
    "customer.purchase",
    "customer.purchase",
    "customer.visit",
    "customer.refund",
    "customer.complaint.opened",
    "customer.complaint.answered",
    "customer.complaint.resolved",
    "customer.survey.answered",
    "customer.identified",
    "customer.consent",
    "customer.owner.assigned",
    "customer.owner.released",
    "customer.notification.unsubscribed",
    "some.other",
]
# Days at which something begins or ends under the policy and in the kept history, and a moment around each.
DAYS = st.one_of(
    st.sampled_from([0, 7, 8, 30, 60, 67, 90, 120, 180, 187, 210, 240, 400, 730, 737, 800]), st.integers(0, 1600)
)
INSTANTS = st.builds(lambda day, moments: at(day) + moments * MOMENT, DAYS, st.sampled_from([0, 0, 0, 0, -1, 1]))
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.sampled_from(["1.00", "0", "29.33", "0.125", "200"]),
    "currency": st.sampled_from(["USD", "EUR"]),
    "case": st.sampled_from(["A", "B", 7]),
    "kind": st.sampled_from(["nps", "csat"]),
    "score": st.sampled_from([1, 9.5]),
    "channel": st.sampled_from(["email", "sms"]),
    "granted": st.booleans(),
    "locale": st.sampled_from(["en", "zh-CN"]),
    "owner": st.sampled_from(["kim", "lee"]),
}
DATA = st.fixed_dictionaries(
    {}, optional={name: st.one_of(values, values, values, ODD) for name, values in FIELDS.items()}
)
FACTS = st.builds(
    Told,
    type=st.sampled_from(TYPES),
    time=INSTANTS,
    id=st.sampled_from("abcdef"),
    data=DATA,
    pii=st.none() | st.builds(Opened, st.dictionaries(st.sampled_from(["name", "email"]), ODD, max_size=2)),
    source=st.sampled_from(["s", "t"]),
    subject=st.sampled_from(["shop:1", "crm:1"]),
)
# The identity of an interaction is (reference, source, id); the first body under it stays.
DISTINCT = (
    st.lists(FACTS, max_size=16)
    .map(
        lambda facts: [
            Told(f.type, f.time, f"{f.id}-{n}" if n % 3 else f.id, f.data, f.pii, f.source, f.subject)
            for n, f in enumerate(facts)
        ]
    )
    .map(lambda facts: list({(f.subject, f.source, f.id): f for f in reversed(facts)}.values()))
)

DECODER = msgspec.json.Decoder(Customer)


def through_the_wire(customer: Customer) -> Customer:
    return DECODER.decode(msgspec.json.encode(customer))


@settings(max_examples=120, deadline=None)
@given(DISTINCT, st.data())
def test_batches_in_any_order_with_late_and_repeated_ones_equal_the_whole_computed_at_once(
    facts: list[Told], data: st.DataObject
) -> None:
    arrival = data.draw(st.permutations(facts))
    if facts:
        arrival = arrival + data.draw(st.lists(st.sampled_from(facts), max_size=5))
    instants = sorted(data.draw(st.lists(INSTANTS, min_size=1, max_size=8)))
    customer = new_customer("c-1", ["shop:1", "crm:1"])
    timeline: dict[tuple[str, str, str], Told] = {}
    for n, now in enumerate(instants):
        size = len(arrival) if n == len(instants) - 1 else data.draw(st.integers(0, 8))
        batch, arrival = arrival[:size], arrival[size:]
        fresh = {(f.subject, f.source, f.id): f for f in batch if (f.subject, f.source, f.id) not in timeline}
        timeline.update(fresh)
        newer = in_order(fresh.values())
        if recompute_reason(customer, newer[0] if newer else None, POLICY):
            customer = recompute("c-1", ["crm:1", "shop:1"], timeline.values(), POLICY, now)
        else:
            apply(customer, newer, POLICY, now)
        customer = through_the_wire(customer)
    whole = recompute("c-1", ["shop:1", "crm:1"], facts, POLICY, instants[-1])
    assert customer == through_the_wire(whole)
    assert msgspec.json.encode(customer, order="sorted") == msgspec.json.encode(whole, order="sorted")


@settings(max_examples=100, deadline=None)
@given(st.lists(INSTANTS, min_size=1, max_size=12), INSTANTS)
def test_the_lifecycle_listed_last_is_what_its_definition_says(purchases: list[Any], now: Any) -> None:
    facts = [Told("customer.purchase", time, f"{n:02}") for n, time in enumerate(sorted(purchases))]
    customer = recompute("c-1", ["shop:1"], facts, POLICY, now)
    times = sorted(purchases)
    instant = max(now, times[-1])
    r = instant - times[-1]
    returns = [b for a, b in pairwise(times) if b - a > POLICY.churned_after]
    if r > POLICY.churned_after:
        expected = "churned"
    elif r > POLICY.dormant_after:
        expected = "dormant"
    elif r > POLICY.lapsing_after:
        expected = "lapsing"
    elif returns and instant - returns[-1] <= POLICY.won_back_for:
        expected = "won_back"
    elif instant - times[0] <= POLICY.new_for:
        expected = "new"
    else:
        expected = "active"
    assert customer.lifecycle == expected
    if customer.next_transition_at is not None:
        assert customer.next_transition_at >= instant
