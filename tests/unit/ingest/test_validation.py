"""Events are taken in one form or refused with a field and a code."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.ingest.domain.entities import Code, Emitter, Interaction, Refuse
from services.ingest.domain.references import References
from services.ingest.domain.validation import event_id, judge

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
REFERENCES = References(b"s" * 32, lambda _: None)
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "till",
    "type": "customer.purchase",
    "subject": "shop:4711",
    "time": "2026-05-01T10:00:00Z",
    "data": {"amount": "29.33", "currency": "USD", "quantity": 2},
}


def judged(event: Any, namespace: str | None = "shop") -> Interaction | Refuse:
    return judge(event, Emitter("webshop", namespace), now=NOW, references=REFERENCES)


def taken(**changes: Any) -> Interaction:
    found = judged(GOOD | changes)
    assert isinstance(found, Interaction), found
    return found


def refused(**changes: Any) -> tuple[str, Code]:
    found = judged({name: value for name, value in (GOOD | changes).items() if value is not ...})
    assert isinstance(found, Refuse), found
    assert found.reason.startswith("expected ")
    return found.field, found.code


def of_type(kind: str, **data: Any) -> Interaction:
    return taken(type=kind, data=data)


def test_good_event_is_taken_as_it_is() -> None:
    assert judged(GOOD) == Interaction(
        "e-1", "till", "customer.purchase", "shop:4711", datetime(2026, 5, 1, 10, tzinfo=UTC), GOOD["data"], {}
    )


def test_source_defaults_to_the_emitter() -> None:
    assert taken(source=None).source == "webshop"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"specversion": ...}, ("specversion", Code.MISSING)),
        ({"specversion": "0.3"}, ("specversion", Code.VALUE)),
        ({"specversion": 1}, ("specversion", Code.TYPE)),
        ({"id": ...}, ("id", Code.MISSING)),
        ({"id": None}, ("id", Code.MISSING)),
        ({"id": 7}, ("id", Code.TYPE)),
        ({"id": ""}, ("id", Code.VALUE)),
        ({"id": "x" * 201}, ("id", Code.TOO_LONG)),
        ({"id": "a\0"}, ("id", Code.NUL)),
        ({"id": "a\x1fb"}, ("id", Code.VALUE)),
        ({"id": "\udfff"}, ("id", Code.VALUE)),
        ({"source": ""}, ("source", Code.VALUE)),
        ({"source": 3}, ("source", Code.TYPE)),
        ({"type": ...}, ("type", Code.MISSING)),
        ({"type": "Customer Purchase"}, ("type", Code.VALUE)),
        ({"type": "x" * 101}, ("type", Code.VALUE)),
        ({"type": "x\n"}, ("type", Code.VALUE)),
        ({"subject": ...}, ("subject", Code.MISSING)),
        ({"subject": 4711}, ("subject", Code.TYPE)),
        ({"time": ...}, ("time", Code.MISSING)),
        ({"time": 1700000000}, ("time", Code.TYPE)),
        ({"time": "2026-05-01T10:00:00"}, ("time", Code.VALUE)),
        ({"time": "2026-05-01"}, ("time", Code.VALUE)),
        ({"time": "2026-02-30T10:00:00Z"}, ("time", Code.VALUE)),
        ({"time": "0001-01-01T00:00:00+23:59"}, ("time", Code.VALUE)),
        ({"time": "9999-12-31T23:59:59-23:59"}, ("time", Code.VALUE)),
        ({"time": "1899-12-31T23:59:59Z"}, ("time", Code.VALUE)),
        ({"time": "２０２６-05-01T10:00:00Z"}, ("time", Code.VALUE)),
        ({"time": "2026-06-01T12:05:01Z"}, ("time", Code.FUTURE)),
        ({"data": []}, ("data", Code.TYPE)),
        ({"data": "x"}, ("data", Code.TYPE)),
        ({"data": {f"k{n}": 1 for n in range(101)}}, ("data", Code.TOO_LARGE)),
        ({"data": {"amount": 1}}, ("data.currency", Code.MISSING)),
        ({"data": {"amount": 29.33, "currency": "USD"}}, ("data.amount", Code.TYPE)),
        ({"data": {"amount": "29,33", "currency": "USD"}}, ("data.amount", Code.VALUE)),
        ({"data": {"amount": "-1", "currency": "USD"}}, ("data.amount", Code.VALUE)),
        ({"data": {"amount": "1e3", "currency": "USD"}}, ("data.amount", Code.VALUE)),
        ({"data": {"amount": True, "currency": "USD"}}, ("data.amount", Code.TYPE)),
        ({"data": {"amount": "1", "currency": "usd"}}, ("data.currency", Code.VALUE)),
        ({"data": {"quantity": "7"}}, ("data.quantity", Code.TYPE)),
        ({"data": {"quantity": Decimal("1.0")}}, ("data.quantity", Code.TYPE)),
        ({"data": {"quantity": True}}, ("data.quantity", Code.TYPE)),
        ({"data": {"quantity": -1}}, ("data.quantity", Code.VALUE)),
        ({"data": {"quantity": 2**63}}, ("data.quantity", Code.VALUE)),
        ({"data": {"amount": 10**5000, "currency": "USD"}}, ("data.amount", Code.VALUE)),
        ({"data": {"note": "a\0b"}}, ("data.note", Code.NUL)),
        ({"data": {"order": "a\0b"}}, ("data.order", Code.NUL)),
        ({"data": {"note": "\ud800"}}, ("data.note", Code.VALUE)),
        ({"data": {"note": "x" * 32769}}, ("data.note", Code.TOO_LONG)),
        ({"data": {"note": "\u00e9" * 16385}}, ("data.note", Code.TOO_LONG)),
        ({"data": {"jane@example.com": "\0"}}, ("data", Code.NUL)),
        ({"data": {"note": float("nan")}}, ("data.note", Code.VALUE)),
        ({"data": {"note": Decimal("1e400")}}, ("data.note", Code.VALUE)),
        ({"data": {"note": -(2**63) - 1}}, ("data.note", Code.VALUE)),
        ({"data": {"note": {f"k{n}": 1 for n in range(101)}}}, ("data.note", Code.TOO_LARGE)),
        ({"data": {"note": [0] * 1001}}, ("data.note", Code.TOO_LARGE)),
        ({"data": {"note": [[[[[[[[1]]]]]]]]}}, ("data.note", Code.TOO_DEEP)),
        ({"data": {"k\0": 1}}, ("data", Code.NUL)),
        ({"data": {"k" * 101: 1}}, ("data", Code.TOO_LONG)),
        ({"pii": "jane"}, ("pii", Code.TYPE)),
        ({"pii": {"name": "\0"}}, ("pii.name", Code.NUL)),
        ({"pii": {"alg": "aes", "kid": "1", "value": {}}}, ("pii.alg", Code.VALUE)),
        ({"pii": {"alg": "none", "value": "x"}}, ("pii.value", Code.TYPE)),
        ({"datacontenttype": "text/xml"}, ("datacontenttype", Code.VALUE)),
        ({"data_base64": "AAAA", "data": ...}, ("data_base64", Code.VALUE)),
        ({"extension": "\0"}, ("event.extension", Code.NUL)),
        ({"type": "customer.linked", "data": {}}, ("data.reference", Code.MISSING)),
        ({"type": "customer.linked", "data": ...}, ("data.reference", Code.MISSING)),
        ({"type": "customer.linked", "data": {"reference": "4 x:y"}}, ("data.reference", Code.REFERENCE)),
        ({"type": "customer.consent", "data": {"channel": "sms", "purpose": "x"}}, ("data.granted", Code.MISSING)),
        ({"type": "customer.consent", "data": {"channel": "email", "granted": "yes"}}, ("data.granted", Code.TYPE)),
        ({"type": "customer.survey.answered", "data": {"kind": "xyz", "score": 1}}, ("data.kind", Code.VALUE)),
        ({"type": "customer.owner.assigned", "data": {"owner": ""}}, ("data.owner", Code.VALUE)),
        ({"type": "customer.identified", "data": {"birthday": "31.1.1990"}}, ("data.birthday", Code.VALUE)),
        ({"type": "customer.identified", "data": {"birthday": "1990-02-30"}}, ("data.birthday", Code.VALUE)),
        ({"type": "customer.identified", "data": {"locale": "English (US)"}}, ("data.locale", Code.VALUE)),
    ],
)  # fmt: skip
def test_bad_event_is_refused_with_field_and_code(changes: dict[str, Any], expected: tuple[str, Code]) -> None:
    assert refused(**changes) == expected


@pytest.mark.parametrize("event", [None, 1, "x", [], True])
def test_what_is_no_object_is_refused(event: Any) -> None:
    assert judged(event) == Refuse("event", Code.TYPE, "expected a CloudEvent, a JSON object")


def test_reference_needs_a_namespace_from_somewhere() -> None:
    found = judged(GOOD | {"subject": "4711"}, namespace=None)
    assert isinstance(found, Refuse)
    assert (found.field, found.code) == ("subject", Code.REFERENCE)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-05-01T10:00:00.5Z", datetime(2026, 5, 1, 10, 0, 0, 500_000, UTC)),
        ("2026-05-01t10:00:00z", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01 12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01T10:00:00.123456789Z", datetime(2026, 5, 1, 10, 0, 0, 123_456, UTC)),
        ("1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_time_becomes_utc(written: str, instant: datetime) -> None:
    found = taken(time=written).time
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_five_minutes_ahead_is_still_taken() -> None:
    assert taken(time="2026-06-01T12:05:00Z").time == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("29.33", "29.33"),
        (Decimal("29.30"), "29.30"),
        (Decimal("1E+2"), "100"),
        (7, "7"),
        (0, "0"),
        ("0.00", "0.00"),
    ],
)
def test_amount_is_stored_as_written(written: Any, stored: str) -> None:
    assert of_type("customer.purchase", amount=written, currency="EUR").data["amount"] == stored


def test_unknown_fields_travel_as_personal_data() -> None:
    found = of_type("customer.purchase", quantity=1, note="call me", email="jane@example.com", ratio=Decimal("0.1"))
    assert found.data == {"quantity": 1}
    assert found.pii == {"note": "call me", "email": "jane@example.com", "ratio": Decimal("0.1")}


def test_unknown_type_is_kept_whole_as_personal_data() -> None:
    found = of_type("acme.thing.happened", amount="x", anything=[1, {"a": None}])
    assert found.data == {}
    assert found.pii == {"amount": "x", "anything": [1, {"a": None}]}


@pytest.mark.parametrize("order", ["jane@example.com-7", "", "x" * 201, "+86 138 1234 5678", "two\nlines"])
def test_text_that_is_no_code_is_kept_as_personal_data(order: str) -> None:
    found = of_type("customer.purchase", order=order)
    assert found.data == {}
    assert found.pii == {"order": order}


def test_name_and_address_of_an_identity_are_personal() -> None:
    found = of_type(
        "customer.identified",
        name="Jane",
        email="j@x.org",
        phone="+1",
        address="Road 1",
        locale="zh_CN",
        zone="Asia/Shanghai",
    )
    assert found.data == {"locale": "zh-CN", "zone": "Asia/Shanghai"}
    assert found.pii == {"name": "Jane", "email": "j@x.org", "phone": "+1", "address": "Road 1"}


def test_pii_may_be_given_plainly_or_wrapped() -> None:
    assert taken(pii={"email": "j@x.org"}).pii == {"email": "j@x.org"}
    assert taken(pii={"alg": "none", "kid": None, "value": {"email": "j@x.org"}}).pii == {"email": "j@x.org"}


def test_raw_value_of_a_hidden_reference_travels_as_personal_data() -> None:
    found = taken(subject="jane@example.com", type="customer.linked", data={"reference": "crm:+1 (415) 555-2671"})
    assert found.subject.startswith("shop:h_")
    assert found.data["reference"].startswith("crm:h_")
    assert found.pii == {
        "references": {found.subject: "jane@example.com", found.data["reference"]: "+1 (415) 555-2671"}
    }
    assert "jane" not in found.subject


def test_emitters_own_references_do_not_hide_ours() -> None:
    found = taken(subject="jane@example.com", pii={"references": ["A-1"]})
    assert found.pii == {"references": {found.subject: "jane@example.com"}, "given_references": ["A-1"]}


def test_unknown_attributes_are_kept_and_known_ones_ignored() -> None:
    found = taken(traceparent="00-ab", correlationid="x", datacontenttype="application/json", dataschema="urn:x")
    assert found.pii == {"extensions": {"traceparent": "00-ab"}}


def test_null_in_data_means_absent() -> None:
    assert of_type("customer.purchase", amount=None, quantity=None).data == {}


def test_id_is_given_back_only_when_it_is_fit() -> None:
    assert event_id({"id": "e-1"}) == "e-1"
    unfit: list[Any] = [{"id": 1}, {"id": "x" * 201}, {"id": "\0"}, {}, None, []]
    assert [event_id(event) for event in unfit] == [None] * 6
