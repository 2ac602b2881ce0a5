"""What this service reads and writes under the names of the contracts."""

from typing import Any

import msgspec
import pytest

from services.alerts.domain import entities, snapshots
from shared.contracts import Aggregates, Alert, Anchor, BandSpell, Case, Gap, History, KindScore, Owner, Profile, Score
from tests.support.builders import day

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
        (entities.Band, BandSpell),
        (entities.Case, Case),
    ],
)
def test_the_parts_that_are_read_exist_in_the_contracts(part: Any, contract: Any) -> None:
    """A renamed field must not silently read as absent."""
    assert properties(part).keys() <= properties(contract).keys()


def test_gaps_travel_as_arrays_in_the_same_order() -> None:
    """A named tuple reads what the contract writes by place."""
    assert entities.Silence._fields == Gap.__struct_fields__


def test_a_full_profile_is_read_by_its_part() -> None:
    """Bytes of the writer, decoded to what rules look at; quiet gaps are absences of both kinds."""
    loud, quiet = (
        Gap(day(since), day(since + 10), since, since == 20, "shop:1", "shop", f"p{since}") for since in (5, 20)
    )
    visit = Gap(day(40), day(50), 9, True, "shop:1", "web", "v40")
    last = Anchor(reference="shop:1", source="shop", id="last")
    profile = Profile(
        customer_id="c",
        references=("shop:1",),
        history=History(since=day(0), purchase_gaps=(loud, quiet), activity_gaps=(visit,)),
        owner=Owner(staff_id="ann", since=day(1)),
        aggregates=Aggregates(last_purchase_at=day(60), last_purchase=last, purchase_days=4),
    )
    part = msgspec.json.decode(msgspec.json.encode(profile), type=snapshots.ProfilePart)
    subject = snapshots.subject_of_profile(part, 7, "x")
    assert (subject.customer_id, subject.version, subject.owner, subject.references) == ("c", 7, "ann", ("shop:1",))
    assert [(one.since, one.until, one.anchor.id) for one in subject.history.silences["customer.purchase"]] == [
        (day(5), day(15), "p5"),
        (day(20), day(30), "p20"),
        (day(60), None, "last"),
    ]
    assert [(one.since, one.anchor.id) for one in subject.history.silences["activity"]] == [
        (day(20), "p20"),
        (day(40), "v40"),
    ]
