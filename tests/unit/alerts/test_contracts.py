"""What this service reads and writes under the names of the contracts."""

from typing import Any

import msgspec
import pytest

from services.alerts.domain import entities, snapshots
from shared.contracts import Aggregates, Alert, History, KindScore, Owner, Profile, Score

Schema = dict[str, Any]


_WRITERS = ("title", "description", "default", "required")


def types(schema: Any) -> Any:
    """A schema without names, descriptions and what matters to writers only."""
    if isinstance(schema, dict):
        return {key: types(value) for key, value in schema.items() if key not in _WRITERS}
    return [types(one) for one in schema] if isinstance(schema, list) else schema


def properties(kind: Any) -> Schema:
    """The fields of a type."""
    schema = msgspec.json.schema(kind)
    found: Schema = schema["$defs"][kind.__name__]["properties"]
    return found


def test_an_alert_travels_as_its_contract_says() -> None:
    """Field for field, type for type."""
    ours = msgspec.json.encode(types(msgspec.json.schema(entities.Alert)))
    theirs = msgspec.json.encode(types(msgspec.json.schema(Alert)))
    assert msgspec.json.decode(ours.replace(b"Sealed", b"Pii")) == msgspec.json.decode(theirs)


@pytest.mark.parametrize(
    ("part", "contract"),
    [
        (snapshots.ProfilePart, Profile),
        (snapshots.AggregatesPart, Aggregates),
        (snapshots.HistoryPart, History),
        (snapshots.OwnerPart, Owner),
        (snapshots.ScorePart, Score),
        (snapshots.KindPart, KindScore),
    ],
)
def test_the_parts_that_are_read_exist_in_the_contracts(part: Any, contract: Any) -> None:
    """A renamed field must not silently read as absent."""
    assert properties(part).keys() <= properties(contract).keys()


def test_a_full_profile_is_read_by_its_part() -> None:
    """Bytes of the writer, decoded to what rules look at."""
    history = History(since=msgspec.convert("2026-01-01T00:00:00Z", type=History.__annotations__["since"]))
    profile = Profile(customer_id="c", history=history, owner=Owner(staff_id="ann", since=history.since))
    part = msgspec.json.decode(msgspec.json.encode(profile), type=snapshots.ProfilePart)
    subject = snapshots.subject_of_profile(part, 7, "x")
    assert (subject.customer_id, subject.version, subject.owner, subject.history.since) == (
        "c",
        7,
        "ann",
        history.since,
    )
