"""Read tolerantly, typed strictly: what is unknown is ignored, what is wrong is refused."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from shared.contracts import Gap
from shared.contracts.record import Record
from shared.kafka.topics import TOPICS, Topic
from tests.contracts.test_payloads import PAYLOADS

BY_NAME = {topic.name: topic for topic in TOPICS}

# What a field of this kind must not be taken from, although it could be converted.
WRONG: list[tuple[type, list[Any]]] = [
    (msgspec.inspect.StrType, [7, None, ["x"]]),
    (msgspec.inspect.IntType, ["7", 1.5, True, None]),
    (msgspec.inspect.FloatType, ["7.5", True]),
    (msgspec.inspect.BoolType, ["true", 1, None]),
    (msgspec.inspect.DateTimeType, ["yesterday", True, 5.5]),
    (msgspec.inspect.LiteralType, ["no such word", 7]),
    (msgspec.inspect.DictType, ["{}", []]),
    (msgspec.inspect.VarTupleType, ["x", {}]),
]


def structs(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    """Every struct below a type, itself first."""
    seen: list[type] = []

    def walk(node: Any) -> Iterator[msgspec.inspect.StructType]:
        if isinstance(node, msgspec.inspect.StructType):
            if node.cls in seen:
                return
            seen.append(node.cls)
            yield node
            for field in node.fields:
                yield from walk(field.type)
        for name in ("item_type", "value_type", "types"):
            inner = getattr(node, name, ())
            for one in inner if isinstance(inner, tuple) else (inner,):
                yield from walk(one)

    return walk(kind)


def example(topic: Topic) -> Any:
    return json.loads((PAYLOADS / "v0.1.0" / topic.name / "every-field.json").read_bytes())


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_contracts_are_frozen_and_ignore_what_they_do_not_know(topic: Topic) -> None:
    for found in structs(msgspec.inspect.type_info(topic.payload)):
        kind = getattr(found.cls, "__origin__", found.cls)
        assert issubclass(kind, Record)
        assert kind.__struct_config__.frozen, kind
        assert not found.forbid_unknown_fields, kind
        assert kind.__doc__, kind


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_plain_field_refuses_values_of_another_type(topic: Topic) -> None:
    """Of the envelope and of the entity in it."""
    envelope = msgspec.inspect.type_info(topic.payload)
    assert isinstance(envelope, msgspec.inspect.StructType)
    entity = next((field.type for field in envelope.fields if field.encode_name == "data"), None)
    checked = 0
    for place, kind in (((), envelope), (("data",), entity)):
        if not isinstance(kind, msgspec.inspect.StructType):
            continue
        for field in kind.fields:
            for wrong in next((values for one, values in WRONG if type(field.type) is one), []):
                payload = example(topic)
                holder = payload[place[0]] if place else payload
                holder[field.encode_name] = wrong
                with pytest.raises(msgspec.ValidationError):
                    msgspec.json.decode(json.dumps(payload), type=topic.payload)
                checked += 1
    assert checked > 15


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_required_field_that_is_missing_is_refused(topic: Topic) -> None:
    envelope = msgspec.inspect.type_info(topic.payload)
    assert isinstance(envelope, msgspec.inspect.StructType)
    required = [field.encode_name for field in envelope.fields if field.required]
    assert "subject" in required
    for name in required:
        payload = example(topic)
        del payload[name]
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(payload), type=topic.payload)


def test_an_interaction_without_a_zone_in_its_time_is_refused() -> None:
    payload = example(BY_NAME["interactions.v1"]) | {"time": "2026-03-01T12:00:00"}
    with pytest.raises(msgspec.ValidationError, match="time"):
        msgspec.json.decode(json.dumps(payload), type=BY_NAME["interactions.v1"].payload)


def test_a_gap_travels_as_an_array_to_which_a_newer_writer_may_append() -> None:
    gap = ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", 3, True, "shop:1", "shop", "i1"]
    assert msgspec.json.decode(json.dumps([*gap, "more"]), type=Gap) == msgspec.json.decode(json.dumps(gap), type=Gap)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(gap[:6]), type=Gap)
