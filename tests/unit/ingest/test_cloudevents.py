"""A record in Kafka becomes the CloudEvent in it, whichever mode it was written in, or says why there is none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.entities import Code, Emitter, Interaction, Refuse
from services.ingest.domain.references import References
from services.ingest.domain.validation import judge
from services.ingest.gateways.phones import normalise_phone
from services.ingest.handlers.cloudevents import event_in
from services.ingest.handlers.decoding import MAX_EVENT_BYTES

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "shop",
    "type": "customer.purchase",
    "subject": "shop:4711",
    "time": "2026-05-01T10:00:00Z",
}
DATA = {"amount": "29.33", "currency": "USD"}
STRUCTURED = json.dumps(ATTRIBUTES | {"data": DATA}).encode()
BINARY = [(f"ce_{name}", text.encode()) for name, text in ATTRIBUTES.items()]
JSON = [("content-type", b"application/json")]


def judged(value: bytes | None, headers: Any, namespace: str | None = None) -> Interaction | Refuse:
    event = event_in(value, headers)
    if isinstance(event, Refuse):
        return event
    return judge(event, Emitter(None, namespace), now=NOW, references=References(b"s" * 32, normalise_phone))


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (STRUCTURED, []),
        (STRUCTURED, [("content-type", b"application/cloudevents+json")]),
        (STRUCTURED, [("Content-Type", b" Application/CloudEvents+JSON; charset=utf-8")]),
        (STRUCTURED, [("content-type", b"text/plain"), ("traceparent", b"\xff"), ("empty", None)]),
        (STRUCTURED, [("content-type", b"application/cloudevents+json"), ("ce_id", b"another")]),
        (json.dumps(DATA).encode(), [*BINARY, *JSON]),
        (json.dumps(DATA).encode(), BINARY),
        (json.dumps(DATA).encode(), [*BINARY, ("content-type", b"application/vnd.shop+json"), ("ce_later", None)]),
        (json.dumps(DATA).encode(), [(name.upper(), text) for name, text in BINARY]),
    ],
)
def test_both_modes_give_the_same_interaction(value: bytes, headers: Any) -> None:
    found = judged(value, headers)
    assert found == judged(STRUCTURED, [])
    assert isinstance(found, Interaction)
    assert (found.id, found.source, found.subject, found.data) == ("e-1", "shop", "shop:4711", DATA)


def test_binary_mode_needs_no_data_and_keeps_what_it_does_not_know_as_personal() -> None:
    visit = [(name, b"customer.visit" if name == "ce_type" else text) for name, text in BINARY]
    for value in (None, b""):
        found = judged(value, [*visit, ("ce_campaign", "spring 春".encode())])
        assert isinstance(found, Interaction)
        assert found.data == {}
        assert found.pii == {"extensions": {"campaign": "spring 春"}}


def with_header(name: str, text: bytes) -> list[tuple[str, bytes]]:
    return [*(one for one in BINARY if one[0] != name), (name, text)]


VALUE = json.dumps(DATA).encode()


@pytest.mark.parametrize(
    ("value", "headers", "code", "field"),
    [
        (None, [], Code.EMPTY, "event"),
        (b"", [("content-type", b"application/cloudevents+json")], Code.EMPTY, "event"),
        (b"{", [], Code.NOT_JSON, "event"),
        (b"\xff\xfe", [], Code.NOT_JSON, "event"),
        (b"\x00\x00\x00\x00\x01avro", [], Code.NOT_JSON, "event"),
        (b"[" * 5000 + b"]" * 5000, [], Code.TOO_DEEP, "event"),
        (b'{"a":"' + b"x" * MAX_EVENT_BYTES + b'"}', [], Code.TOO_LARGE, "event"),
        (b"[" + STRUCTURED + b"]", [], Code.TYPE, "event"),
        (b"null", [], Code.TYPE, "event"),
        (VALUE, [], Code.MISSING, "specversion"),
        (STRUCTURED, [("content-type", b"application/cloudevents+avro")], Code.VALUE, "content-type"),
        (b"[]", [("content-type", b"application/cloudevents-batch+json")], Code.VALUE, "content-type"),
        (VALUE, with_header("ce_id", b""), Code.VALUE, "id"),
        (VALUE, with_header("ce_id", b"a\x00b"), Code.NUL, "id"),
        (VALUE, with_header("ce_source", b"\xff"), Code.VALUE, "source"),
        (VALUE, [*BINARY, ("ce_canary@example.com", b"\xff")], Code.VALUE, "event"),
        (VALUE, with_header("ce_specversion", b"0.3"), Code.VALUE, "specversion"),
        (VALUE, [one for one in BINARY if one[0] != "ce_source"], Code.MISSING, "source"),
        (b"{", BINARY, Code.NOT_JSON, "data"),
        (b"7", BINARY, Code.TYPE, "data"),
        (b"[" * 5000 + b"]" * 5000, BINARY, Code.TOO_DEEP, "event"),
        (b"PAR1", [*BINARY, ("content-type", b"application/avro")], Code.VALUE, "datacontenttype"),
        (VALUE, [*BINARY, ("ce_note", b"x" * MAX_EVENT_BYTES)], Code.TOO_LARGE, "event"),
    ],
)
def test_what_is_no_event_is_refused_with_a_code_and_a_field(
    value: bytes | None, headers: Any, code: Code, field: str
) -> None:
    found = judged(value, headers)
    assert isinstance(found, Refuse)
    assert (found.code, found.field) == (code, field)


def test_an_event_without_a_source_is_refused_because_kafka_names_nobody() -> None:
    event = {name: text for name, text in ATTRIBUTES.items() if name != "source"}
    found = judged(json.dumps(event | {"data": DATA}).encode(), [])
    assert isinstance(found, Refuse)
    assert (found.code, found.field) == (Code.MISSING, "source")


def test_a_subject_without_a_namespace_needs_one_from_the_settings() -> None:
    """Two systems may both know a customer 4711, so nothing is put before it unless somebody said what."""
    value = json.dumps(ATTRIBUTES | {"subject": "4711", "data": DATA}).encode()
    refused = judged(value, [])
    assert isinstance(refused, Refuse)
    assert (refused.code, refused.field) == (Code.REFERENCE, "subject")
    taken = judged(value, [], namespace="crm")
    assert isinstance(taken, Interaction)
    assert taken.subject == "crm:4711"


names = st.text(max_size=12) | st.sampled_from(["content-type", "ce_id", "ce_data", "ce_specversion", "ce_pii", "ce_"])


@given(st.none() | st.binary(max_size=60), st.lists(st.tuples(names, st.none() | st.binary(max_size=20)), max_size=8))
def test_nothing_that_lies_in_a_topic_makes_it_raise(value: bytes | None, headers: Any) -> None:
    judged(value, headers)


@given(st.lists(st.tuples(names, st.none() | st.binary(max_size=20)), max_size=4))
def test_more_headers_on_a_binary_event_never_make_it_raise(headers: Any) -> None:
    judged(VALUE, [*BINARY, *headers])
