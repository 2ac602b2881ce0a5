"""Payloads of every released version still decode, with everything that was in them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.kafka.topics import INBOUND, INTERACTIONS, TOPICS, Topic

PAYLOADS = Path(__file__).parent / "payloads"
BY_NAME = {topic.name: topic for topic in TOPICS}
RELEASED = sorted(PAYLOADS.glob("*/*/*.json"))


def lost(old: Any, new: Any, where: str = "$") -> list[str]:
    """Where `new` lacks something that `old` says. What `new` says beyond is no loss."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [one for key in old for one in lost(old[key], new.get(key), f"{where}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) <= len(new):
        return [one for index, item in enumerate(old) for one in lost(item, new[index], f"{where}[{index}]")]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


def topic_of(path: Path) -> Topic:
    return BY_NAME[path.parent.name]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: "/".join(path.parts[-3:]))
def test_a_released_payload_decodes_and_keeps_all_it_says(path: Path) -> None:
    """A field that was renamed or dropped would decode to its default; written again, the old name is missing."""
    value = msgspec.json.decode(path.read_bytes(), type=topic_of(path).payload)
    assert not lost(json.loads(path.read_bytes()), json.loads(msgspec.json.encode(value)))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: "/".join(path.parts[-3:]))
def test_fields_of_a_newer_writer_are_ignored(path: Path) -> None:
    decode = msgspec.json.Decoder(topic_of(path).payload).decode
    known = json.loads(path.read_bytes())
    newer = {**known, "in_a_later_version": {"x": [1]}}
    if topic_of(path) not in (INBOUND, INTERACTIONS):  # whose data is a free map: a new key there is data, not a field
        newer["data"] = {**known["data"], "in_a_later_version": {"x": [1]}}
    assert decode(json.dumps(newer)) == decode(json.dumps(known))


def test_every_released_version_has_every_topic() -> None:
    versions = {path.parent.parent.name for path in RELEASED}
    assert versions >= {"v0.1.0"}
    for version in versions:
        assert {path.parent.name for path in RELEASED if path.parent.parent.name == version} == set(BY_NAME)


def test_the_check_sees_a_field_that_was_renamed_or_cut() -> None:
    old = {"a": {"b": [1, {"c": 2}]}}
    assert not lost(old, {"a": {"b": [1, {"c": 2, "new": 3}]}, "more": None})
    assert lost(old, {"a": {"b": [1, {"renamed": 2}]}}) == ["$.a.b[1].c: 2 became None"]
    assert lost(old, {"a": {"b": [1]}}) == ["$.a.b: [1, {'c': 2}] became [1]"]
