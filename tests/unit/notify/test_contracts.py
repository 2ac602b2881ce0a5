"""The domain's entities travel under the contracts' names."""

from dataclasses import fields
from typing import Any, cast

import msgspec

from services.notify.domain.entities import Notification
from services.notify.domain.snapshots import ActPart, AlertPart, EvidencePart, OwnerPart, ProfilePart, cause_of
from shared import contracts
from shared.contracts import Alert, Anchor, Profile
from shared.contracts.alert import Act, Evidence
from shared.contracts.profile import Consent, History, Owner

from .values import ALERT, CUSTOMER, DAY, NOW


def shape(kind: Any) -> dict[str, Any]:
    """The schema of a type without its prose."""
    schema = next(iter(msgspec.json.schema_components([kind])[1].values()))
    return {name: schema[name] for name in ("properties", "required")}


def test_a_notification_has_the_contracts_fields() -> None:
    """So it is published as it is stored."""
    assert shape(Notification) == shape(contracts.Notification)


def test_what_is_read_of_profiles_and_alerts_is_in_their_contracts() -> None:
    """Every part names fields that exist."""
    parts = [
        (ProfilePart, Profile),
        (AlertPart, Alert),
        (EvidencePart, Evidence),
        (OwnerPart, Owner),
        (ActPart, Act),
    ]
    for part, whole in parts:
        names = {entry.name for entry in msgspec.structs.fields(cast("type[msgspec.Struct]", whole))}
        assert {entry.name for entry in fields(part)} <= names, part


def test_a_retracted_alert_closed_when_it_was_retracted() -> None:
    """What is decoded of a whole alert, down to the instant that its closing is about."""
    alert = Alert(
        alert_id=ALERT,
        rule_id="r",
        rules_version="1",
        customer_id=CUSTOMER,
        condition="retracted",
        handling="closed",
        severity="warning",
        fired_at=NOW - 3 * DAY,
        notify=("owner",),
        evidence=Evidence(anchor=Anchor(reference="a:1", source="s", id="1"), since=NOW - 93 * DAY, facts={"days": 90}),
        history=(
            Act(act="fired", at=NOW - 3 * DAY, by="ebbtide"),
            Act(act="retracted", at=NOW - DAY, by="ebbtide"),
        ),
        cause_version=7,
    )
    cause = cause_of(msgspec.json.decode(msgspec.json.encode(alert), type=AlertPart), changed_at=NOW)
    assert cause.closed_at == NOW - DAY
    assert cause.since == NOW - 93 * DAY
    assert cause.facts == {"days": 90}
    assert cause.cause_version == 7


def test_a_whole_profile_is_read_down_to_what_is_needed() -> None:
    """Consent with its instant, the owner, personal data still sealed."""
    profile = Profile(
        customer_id=CUSTOMER,
        owner=Owner(staff_id="ada", since=NOW),
        consent={"email:marketing": Consent(granted=True, source="s", time=NOW)},
        history=History(since=NOW),
        pii=contracts.Pii(value={"email": {"value": "jo@example.com", "source": "s", "time": "t"}}),
    )
    part = msgspec.json.decode(msgspec.json.encode(profile), type=ProfilePart)
    assert part.owner == OwnerPart("ada")
    assert part.consent["email:marketing"].time == NOW
    assert part.pii is not None
    assert part.pii.value["email"]["value"] == "jo@example.com"
