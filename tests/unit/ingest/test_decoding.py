"""Bodies become events; what is legal JSON but fits no layer spoils only its own event."""

import contextlib
import time
from decimal import Decimal

import pytest

from services.ingest.domain.entities import Code, Refuse
from services.ingest.handlers.decoding import MAX_EVENT_BYTES, NotJson, decode_events

DEEP = b"[" * 3000 + b"]" * 3000


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b' [{"a": 29.30}, 2] ', [{"a": Decimal("29.30")}, 2]),
        (b"[]", []),
        (b"7", [7]),
        (b'{"a": 1, "a": 2}', [{"a": 2}]),
        (b'["\\ud800", "good"]', ["\ud800", "good"]),
        (b"[1e99999999999999999999, 1]", [Decimal("Infinity"), 1]),
        (b"[" + b"9" * 5000 + b", 1]", [2**64, 1]),
    ],
)
def test_body_becomes_events(body: bytes, events: list[object]) -> None:
    assert list(decode_events(body)) == events


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"[1,", b"nope", b"[NaN]", b'{"a": Infinity}', b"\xef\xbb\xbf{}", b'{"a": "\xff"}', b"\x00",
        b'"\x01"', b"{'a': 1}", b"[1,]", b'{"a": 1}{"b": 2}', '{"a": 1}'.encode("utf-16"), b"[" * 5000, b"]" * 5000,
        b"[" * 5000 + b"}" * 4999, b"[1, " + DEEP + b"] x", b"[" + DEEP + b"],[1]", b"[nope, " + DEEP + b"]",
    ],
)  # fmt: skip
def test_what_is_not_json_is_told_so(body: bytes) -> None:
    with pytest.raises(NotJson):
        decode_events(body)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (DEEP, [Code.TOO_DEEP]),
        (b'{"a":' + DEEP + b"}", [Code.TOO_DEEP]),
        (b'[{"a": "],["}, {"b": ' + DEEP + b'}, {"c": "\\"\\ud800"}]', [None, Code.TOO_DEEP, None]),
    ],
)
def test_deep_event_does_not_spoil_its_neighbours(body: bytes, codes: list[Code | None]) -> None:
    events = [event for one in decode_events(body) for event in ([one] if isinstance(one, (dict, Refuse)) else one)]
    assert [event.code if isinstance(event, Refuse) else None for event in events] == codes


def test_large_event_does_not_spoil_its_neighbours() -> None:
    large = b'{"a":"' + b"x" * MAX_EVENT_BYTES + b'"}'
    found = decode_events(b'[{"a":1},' + large + b"]")
    assert found[0] == {"a": 1}
    assert isinstance(found[1], Refuse)
    assert found[1].code is Code.TOO_LARGE
    assert isinstance(decode_events(large)[0], Refuse)
    assert decode_events(b'{"a":"' + b"x" * (MAX_EVENT_BYTES - 8) + b'"}')[0] is not Refuse
    half_pair = b'[{"a":"\\ud800"},' + large + b"]"
    assert [isinstance(event, Refuse) for event in decode_events(half_pair)] == [False, True]


@pytest.mark.parametrize(
    "body",
    [
        b"[1," * 300_000,
        b"[1," * 200_000 + b"1" + b"]" * 200_000,
        b"[" + DEEP + b"," + b'"\\"",' * 170_000 + b"1]",
        b"[" + DEEP + b"," + b'\\"' * 500_000 + b"]",
        b"[" + DEEP + b',"' + b'\\"' * 500_000 + b"]",
        b"[" + DEEP + b",[" + b"[]," * 300_000 + b"1]]",
        b'["\\ud800"' + b",[1,2]" * 150_000 + b"]",
    ],
    ids=range(7),
)
def test_hostile_structure_costs_little_time(body: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(NotJson):
        decode_events(body)
    assert time.process_time() - started < 2
