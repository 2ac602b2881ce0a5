"""The live reader can find each thing that goes backwards, and finds nothing where things only go on."""

from typing import Any

import msgspec
import pytest

from tests.faults.backwards import Backwards


def profile(version: int, interactions: int, purchases: int, status: str = "active") -> dict[str, Any]:
    sums = {"interactions": interactions, "purchases": purchases}
    return {"version": version, "status": status, "aggregates": sums}


def alert(version: int, condition: str, *reasons: str) -> dict[str, Any]:
    return {"version": version, "condition": condition, "history": [{"reason": reason} for reason in reasons]}


def record(version: int) -> bytes:
    return msgspec.json.encode({"version": version, "data": {}})


def after(service: str, *answers: dict[str, Any]) -> list[str]:
    reader = Backwards()
    for answer in answers:
        reader.answer(service, "one", answer)
    found = reader.take()
    assert {one.kind for one in found} <= {"backwards"}
    assert not reader.take()
    return [one.where for one in found]


FORWARD = [
    ("profiles", profile(1, 1, 1), profile(1, 1, 1)),
    ("profiles", profile(1, 1, 1), profile(2, 3, 2)),
    ("profiles", profile(1, 4, 4), profile(2, 0, 0, "merged")),
    ("scoring", {"version": 1}, {"version": 2}),
    ("alerts", alert(1, "firing"), alert(2, "retracted")),
    ("alerts", alert(1, "retracted"), alert(2, "firing", "condition_held", "spell_removed", "spell_returned")),
    ("alerts", alert(1, "retracted"), alert(2, "resolved", "condition_held", "start_moved")),
]
BACKWARDS = [
    ("profiles", profile(2, 1, 1), profile(1, 1, 1), "version in profiles"),
    ("profiles", profile(1, 2, 1), profile(2, 1, 1), "interactions in profiles"),
    ("profiles", profile(1, 2, 2), profile(2, 2, 1), "purchases in profiles"),
    ("scoring", {"version": 2}, {"version": 1}, "version in scoring"),
    ("alerts", alert(2, "firing"), alert(1, "firing"), "version in alerts"),
    ("alerts", alert(1, "retracted"), alert(2, "firing", "condition_held", "spell_removed"), "condition in alerts"),
]


@pytest.mark.parametrize(("service", "first", "second"), FORWARD)
def test_what_goes_on_is_nothing(service: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert after(service, first, second) == []


@pytest.mark.parametrize(("service", "first", "second", "where"), BACKWARDS)
def test_what_goes_back_is_found(service: str, first: dict[str, Any], second: dict[str, Any], where: str) -> None:
    assert after(service, first, second) == [where]


def test_an_older_record_may_come_late_but_not_stay_the_last() -> None:
    reader = Backwards()
    for version in (1, 3, 2):
        reader.record("profiles.v1", "one", record(version))
    reader.record("profiles.v1", "two", record(1))
    assert not reader.take()
    reader.at_rest()
    assert [one.where for one in reader.take()] == ["profiles.v1"]
    reader.record("profiles.v1", "one", record(4))
    reader.at_rest()
    assert not reader.take()


def test_after_a_tombstone_it_begins_anew() -> None:
    reader = Backwards()
    for value in (record(5), None, record(1)):
        reader.record("alerts.v1", "one", value)
    reader.at_rest()
    assert not reader.take()


def test_a_restored_service_may_say_what_its_backup_holds_and_nobody_else_may() -> None:
    reader = Backwards()
    reader.record("profiles.v1", "one", record(9))
    for service, answer in (("profiles", profile(9, 2, 2)), ("scoring", {"version": 9})):
        reader.answer(service, "one", answer)
    reader.forget("profiles")
    reader.answer("profiles", "one", profile(8, 1, 1))
    reader.answer("scoring", "one", {"version": 8})
    reader.record("profiles.v1", "one", record(8))
    reader.at_rest()
    assert [one.where for one in reader.take()] == ["version in scoring", "profiles.v1"]
