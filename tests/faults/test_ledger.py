"""The checker can fail: each planted difference is found, and nothing is found where there is none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.faults.expected import expect
from tests.faults.ledger import compare, count, count_mails
from tests.faults.observed import READS, Observed, count_flows
from tests.support.snapshots import Kept

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Entities = dict[str, dict[str, Any]]


def event(number: int, kind: str, subject: str, days_ago: float, **data: Any) -> dict[str, Any]:
    at = NOW - timedelta(days=days_ago)
    return {
        "id": f"f{number}",
        "source": "s",
        "type": f"customer.{kind}",
        "subject": subject,
        "time": at.isoformat(),
        "data": data,
    }


TRUTH = [
    event(1, "purchase", "shop:1", 95, amount="1.50"),
    event(2, "purchase", "crm:1", 94, amount="2.00"),
    event(3, "linked", "crm:1", 20, reference="shop:1"),
    event(4, "complaint.opened", "shop:2", 3, case="k4"),
    event(5, "complaint.resolved", "shop:2", 2, case="k4"),
    event(4, "complaint.opened", "shop:2", 3, case="k4"),
]


def person(references: list[str], interactions: int, purchases: int, spend: str | None) -> dict[str, Any]:
    sums = {"interactions": interactions, "purchases": purchases, "spend": {"USD": spend} if spend else {}}
    return {"customer_id": references[0], "status": "active", "references": references, "aggregates": sums}


def alert(rule: str, subject: str, number: int, fired: float, resolved: float | None, **more: Any) -> dict[str, Any]:
    return {
        "rule_id": rule,
        "customer_id": "two" if subject == "shop:2" else "one",
        "condition": "firing" if resolved is None else "resolved",
        "fired_at": (NOW - timedelta(days=fired)).isoformat(),
        "resolved_at": None if resolved is None else (NOW - timedelta(days=resolved)).isoformat(),
        "evidence": {"anchor": {"reference": subject, "source": "s", "id": f"f{number}"}},
        "notify": ["owner"],
        "history": [
            {"act": act, "taken_over_from": None} for act in (["fired"] if resolved is None else ["fired", "resolved"])
        ],
    } | more


def decision(alert_id: str, transition: str, status: str = "sent", reason: str | None = None) -> dict[str, Any]:
    whose = {"alert_id": alert_id, "transition": transition, "step": "owner", "recipient": "staff:ada"}
    return whose | {"status": status, "reason": reason}


def scored(*values: float | None) -> dict[str, Any]:
    kinds = zip(("frequency", "monetary", "recency"), values, strict=True)
    return {"kinds": {kind: {"value": value, "as_of": NOW.isoformat()} for kind, value in kinds}}


def healthy() -> dict[str, Entities]:
    """What the services hold when nothing went wrong with TRUTH."""
    return {
        "profiles": {
            "one": person(["crm:1", "shop:1"], 3, 2, "3.50"),
            "two": person(["shop:2"], 2, 0, None),
            "lost": {"status": "merged", "references": [], "merged_into": "one"},
        },
        "scoring": {"one": scored(2.0, 3.5, 94.0), "two": scored(None, None, None)},
        "alerts": {
            "a": alert("no-purchase-90d", "crm:1", 2, 4, None, notify=["owner", "customer"]),
            "b": alert("complaint-opened", "shop:2", 4, 3, 2),
            "c": alert("no-purchase-90d", "shop:1", 1, 5, None, condition="retracted", notify=[]),
        },
        "notify": {
            "n1": decision("a", "fired"),
            "n2": decision("a", "fired") | {"step": "win_back", "recipient": "customer:one"},
            "n3": decision("b", "fired", "unknown", "outcome_unknown"),
            "n4": decision("b", "closed"),
        },
    }


def seen(stores: dict[str, Entities], **more: Any) -> Observed:
    encode = msgspec.json.encode
    kept = {
        service: {key: Kept(1, encode({"data": data})) for key, data in entities.items()}
        for service, entities in stores.items()
    }
    observed = Observed(
        identities=frozenset((one["subject"], one["source"], one["id"]) for one in TRUTH),
        stores=kept,
        read={(reader, writer): dict.fromkeys(kept[writer], 1) for reader, writer in READS},
        last_records={service: {key: one.snapshot for key, one in rows.items()} for service, rows in kept.items()},
        mails=dict.fromkeys(("n1", "n2", "n3", "n4"), 1),
        flows={("profiles", "interactions.v1"): (6, 6)},
    )
    return replace(observed, **more)


def found(observed: Observed) -> set[tuple[str, str]]:
    return {(one.kind, one.where.split(" in ")[0]) for one in compare(expect(TRUTH, NOW), observed)}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert not compare(expect(TRUTH, NOW), seen(healthy()))


def test_an_unknown_mail_may_be_missing() -> None:
    assert not found(seen(healthy(), mails=dict.fromkeys(("n1", "n2", "n4"), 1)))
    assert found(seen(healthy(), mails=dict.fromkeys(("n1", "n3", "n4"), 1))) == {("missing", "mails")}


def test_staff_may_get_a_mail_again_and_a_customer_may_not() -> None:
    assert not found(seen(healthy(), mails={"n1": 2, "n2": 1, "n3": 1, "n4": 1}))
    again = seen(healthy(), mails={"n1": 2, "n2": 2, "n3": 1, "n4": 1})
    assert found(again) == {("twice", "mails")}
    assert count_mails(again) == {"to_staff": 3, "to_staff_again": 1, "to_customers": 1, "to_customers_again": 1}


Plant = Callable[[dict[str, Entities]], object]
PLANTED: list[tuple[Plant, set[tuple[str, str]]]] = [
    (lambda s: s["profiles"]["one"]["aggregates"].update(purchases=1), {("missing", "purchases of crm:1")}),
    (lambda s: s["profiles"]["one"]["aggregates"].update(spend={"USD": "5.50"}), {("twice", "spend of crm:1")}),
    (lambda s: s["profiles"]["two"]["aggregates"].update(interactions=3), {("twice", "interactions of shop:2")}),
    (lambda s: s["profiles"].pop("two"), {("missing", "customers"), ("extra", "alerts")}),
    (
        lambda s: s["profiles"]["one"].update(references=["crm:1"]),
        {("missing", "customers"), ("extra", "customers"), ("extra", "alerts")},
    ),
    (lambda s: s["profiles"].update(three=person(["crm:1", "shop:1"], 3, 2, "3.50")), {("twice", "customers")}),
    (lambda s: s["scoring"].pop("two"), {("missing", "scores")}),
    (lambda s: s["scoring"].update(one=scored(1.0, 3.5, 94.0)), {("missing", "scores")}),
    (lambda s: s["scoring"].update(one=scored(2.0, 1.5, 94.0)), {("missing", "scores")}),
    (lambda s: s["scoring"].update(one=scored(2.0, 3.5, 95.0)), {("missing", "scores")}),
    (lambda s: s["scoring"].update(two=scored(1.0, None, None)), {("missing", "scores")}),
    (lambda s: s["alerts"].pop("b"), {("missing", "alerts"), ("extra", "decisions")}),
    (lambda s: s["alerts"].update(d=s["alerts"]["a"]), {("twice", "alerts"), ("missing", "decisions")}),
    (lambda s: s["alerts"]["c"].update(condition="firing"), {("extra", "alerts")}),
    (lambda s: s["alerts"]["b"].update(resolved_at=None), {("missing", "alerts")}),
    (lambda s: s["alerts"]["a"].update(resolved_at=NOW.isoformat()), {("extra", "alerts")}),
    (lambda s: s["alerts"]["b"].update(fired_at=NOW.isoformat()), {("extra", "alerts")}),
    (lambda s: s["alerts"]["a"].update(customer_id="lost"), {("extra", "alerts")}),
    (lambda s: s["notify"].pop("n2"), {("missing", "decisions")}),
    (lambda s: s["notify"].pop("n4"), {("missing", "decisions"), ("extra", "mails")}),
    (lambda s: s["notify"].update(n5=decision("a", "closed", "dropped", "x")), {("extra", "decisions")}),
    (lambda s: s["notify"].update(n5=decision("a", "fired", "dropped", "x")), {("twice", "decisions")}),
    (lambda s: s["notify"]["n2"].update(status="planned"), {("missing", "decisions")}),
    (lambda s: s["notify"]["n2"].update(reason="no_consent"), {("missing", "decisions")}),
    (lambda s: s["notify"]["n2"].update(status="dropped", reason="no_consent"), {("extra", "mails")}),
    (lambda s: s["notify"]["n3"].update(status="dropped"), {("extra", "mails")}),
]


@pytest.mark.parametrize(("plant", "differences"), PLANTED)
def test_a_planted_difference_in_a_store_is_found(plant: Plant, differences: set[tuple[str, str]]) -> None:
    stores = healthy()
    plant(stores)
    assert differences <= found(seen(stores))


def test_interactions_lost_or_made_up_are_found() -> None:
    identities = seen(healthy()).identities
    lost, *_ = identities
    assert ("missing", "interactions") in found(seen(healthy(), identities=identities - {lost}))
    made_up = frozenset({("shop:9", "s", "f99")})
    assert ("extra", "interactions") in found(seen(healthy(), identities=identities | made_up))


@pytest.mark.parametrize("service", ["profiles", "scoring", "alerts", "notify"])
def test_a_topic_that_ends_with_another_record_than_the_store_is_found(service: str) -> None:
    good = seen(healthy())
    key = next(iter(good.stores[service]))
    old = {**good.stores[service], key: Kept(2, good.stores[service][key].snapshot + b" ")}  # type: ignore[operator]
    stale = compare(expect(TRUTH, NOW), replace(good, stores={**good.stores, service: old}))
    assert count(stale)["stale"] == 1
    last = dict(good.last_records[service])
    del last[key]
    missing = compare(expect(TRUTH, NOW), replace(good, last_records={**good.last_records, service: last}))
    assert any(one.kind == "missing" and one.where.endswith(".v1") and one.what == key for one in missing)


@pytest.mark.parametrize(("reader", "writer"), READS)
def test_a_reader_that_has_not_the_newest_of_its_writer_is_found(reader: str, writer: str) -> None:
    good = seen(healthy())
    versions = good.read[reader, writer]
    key, *_ = versions
    where = f"{writer} as {reader} knows them"
    assert ("missing", where) in found(replace(good, read={**good.read, (reader, writer): {**versions, key: 0}}))
    rest = {other: version for other, version in versions.items() if other != key}
    assert ("missing", where) in found(replace(good, read={**good.read, (reader, writer): rest}))
    assert ("extra", where) in found(replace(good, read={**good.read, (reader, writer): {**versions, "gone": 1}}))


def test_records_that_are_not_accounted_for_are_found() -> None:
    metrics = """
ebbtide_records_read_total{topic="profiles.v1"} 10.0
ebbtide_records_handled_total{outcome="applied",topic="profiles.v1"} 6.0
ebbtide_records_handled_total{outcome="stale",topic="profiles.v1"} 2.0
ebbtide_records_dropped_total{topic="profiles.v1"} 1.0
"""
    flows = count_flows("alerts", metrics)
    assert flows == {("alerts", "profiles.v1"): (10, 9)}
    assert ("missing", "flow of profiles.v1") in found(seen(healthy(), flows=flows))
    assert ("twice", "flow of profiles.v1") in found(seen(healthy(), flows={("alerts", "profiles.v1"): (9, 10)}))
