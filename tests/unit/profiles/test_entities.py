"""The customer of this service and the contract `Profile` are one shape."""

from typing import Any

import msgspec

from services.profiles.domain import entities
from services.profiles.domain.entities import Customer
from services.profiles.domain.profiles import recompute
from shared import contracts
from shared.contracts import Interaction, Profile, Snapshot
from tests.unit.profiles.facts import at, customer, policy, purchase, told

PARTS = [
    *("Aggregates", "Anchor", "Attribute", "Case", "Consent", "Gap", "History", "LifecycleChange"),
    *("Owner", "Pii", "Survey", "Watermark"),
]


def shape(type_: Any) -> dict[str, Any]:
    """Every part's properties, without what only concerns writers in Python: defaults, prose, names."""

    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                k: bare(v)
                for k, v in node.items()
                if k not in ("default", "required", "description", "title", "maxItems")
            }
        return [bare(item) for item in node] if isinstance(node, list) else node

    schema = msgspec.json.schema(type_)
    definitions: dict[str, Any] = bare(schema["$defs"])
    definitions["Profile"] = definitions.pop("Customer", None) or definitions["Profile"]
    return definitions


def full() -> Customer:
    facts = [
        purchase(0),
        purchase(20),
        told("identified", 21, locale="en"),
        told("consent", 22, channel="email", granted=True),
        told("complaint.opened", 23),
        told("survey.answered", 24, kind="nps", score=9),
        told("owner.assigned", 25, owner="kim"),
    ]
    return customer(*facts, now=30)


def test_both_schemas_are_equal_part_by_part() -> None:
    ours, theirs = shape(Customer), shape(Profile)
    assert ours == theirs
    assert set(PARTS) | {"Profile"} == set(ours)


def test_what_the_contract_may_leave_out_the_customer_may_too() -> None:
    left_out = set(msgspec.json.schema(Profile)["$defs"]["Profile"]["required"])
    assert left_out == set(msgspec.json.schema(Customer)["$defs"]["Customer"]["required"])
    for part in PARTS:
        assert hasattr(entities, part)
        assert hasattr(contracts, part)


def test_a_snapshot_read_as_customer_and_as_profile_is_written_as_the_same_bytes() -> None:
    snapshot = Snapshot(
        id="c-1:7",
        source="ebbtide/profiles",
        type="ebbtide.profile",
        subject="c-1",
        time=at(30),
        version=7,
        data=full(),
    )
    raw = msgspec.json.encode(snapshot)
    as_customer = msgspec.json.decode(raw, type=Snapshot[Customer])
    as_profile = msgspec.json.decode(raw, type=Snapshot[Profile])
    assert as_customer.data == full()
    assert msgspec.json.encode(as_customer) == msgspec.json.encode(as_profile) == raw


def test_a_contract_interaction_is_folded_without_a_conversion() -> None:
    line = b'{"specversion":"1.0","id":"i-1","source":"urn:shop","type":"customer.purchase","subject":"shop:1",'
    line += b'"time":"2024-01-01T09:00:00+09:00","data":{"amount":"9.50","currency":"USD"}}'
    interaction = msgspec.json.decode(line, type=Interaction)
    state = recompute("c-1", ["shop:1"], [interaction], policy(), at(0))
    assert (state.aggregates.spend, state.aggregates.last_purchase_at) == ({"USD": "9.50"}, at(0))
