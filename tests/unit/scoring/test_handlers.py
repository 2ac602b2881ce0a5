"""From a profile on the wire to the inputs of scores: what is kept, what is left behind."""

import itertools
from datetime import timedelta

import msgspec
import pytest

from services.scoring.domain import scores
from services.scoring.handlers import AggregatesPart, HistoryPart, OwnerPart, ProfilePart, inputs_of, row_of
from shared.contracts import Aggregates, Anchor, History, Owner, Pii, Profile, Score, Snapshot
from tests.support.builders import gap
from tests.unit.scoring.customers import START, anchor_of, inputs_from

CUSTOMER = "00000000-0000-0000-0000-000000000001"


def test_a_profile_on_the_wire_gives_the_inputs_of_its_purchases() -> None:
    purchases = [START, START + timedelta(days=60), START + timedelta(days=200)]
    expected = inputs_from(purchases)
    last = Anchor(**anchor_of(purchases[-1]))
    profile = Profile(
        customer_id=CUSTOMER,
        lifecycle="active",
        owner=Owner(staff_id="ana", since=START),
        segments=("vip",),
        aggregates=Aggregates(
            interactions=9,
            purchases=3,
            purchase_days=3,
            first_purchase_at=START,
            last_purchase_at=purchases[-1],
            last_purchase=last,
            last_activity_at=purchases[-1],
            spend={"USD": "3.50"},
        ),
        history=History(
            since=START,
            purchase_gaps=tuple(
                gap(Anchor(**anchor_of(since)), since, until, ordinal)
                for ordinal, (since, until) in enumerate(itertools.pairwise(purchases), start=1)
            ),
        ),
        pii=Pii(value={"name": "Ana Torres"}),
    )
    part = msgspec.json.decode(msgspec.json.encode(profile), type=ProfilePart)
    expected.owner, expected.segments = "ana", ("vip",)
    assert inputs_of(part) == expected
    assert b"Torres" not in msgspec.json.encode(part)
    assert msgspec.json.decode(msgspec.json.encode(part), type=ProfilePart) == part


def names_and_defaults(record: type[msgspec.Struct]) -> dict[str, object]:
    return {field.name: field.default for field in msgspec.structs.fields(record)}


@pytest.mark.parametrize(
    ("part", "whole"),
    [(ProfilePart, Profile), (AggregatesPart, Aggregates), (HistoryPart, History), (OwnerPart, Owner)],
)
def test_the_parts_that_are_read_are_parts_of_the_contract(
    part: type[msgspec.Struct], whole: type[msgspec.Struct]
) -> None:
    read, written = names_and_defaults(part), names_and_defaults(whole)
    assert read.keys() <= written.keys()
    assert {name: read[name] for name in read if name != "aggregates"} == {
        name: written[name] for name in read if name != "aggregates"
    }


def test_a_snapshot_names_its_version_its_cause_and_its_customer() -> None:
    now = START + timedelta(days=100)
    score = scores.score(inputs_from([START]), now, profile_version=5)
    row = row_of(score, now, version=17, basis=b"{}", correlation_id="c-1")
    snapshot = msgspec.json.decode(row.snapshot, type=Snapshot[Score])
    assert (snapshot.id, snapshot.subject, snapshot.version) == (f"{CUSTOMER}:17", CUSTOMER, 17)
    assert (snapshot.source, snapshot.type, snapshot.correlationid) == ("ebbtide/scoring", "ebbtide.score", "c-1")
    assert (snapshot.time, snapshot.data.kinds["churn_risk"].as_of) == (now, now)
    assert (row.churn_band, row.next_transition_at) == ("medium", START + timedelta(days=112, hours=12))
