"""Bodies of requests that nobody should send: a corpus by name, and mutations of good ones, the same for each seed."""

import json
import random
from collections.abc import Iterator
from typing import Any

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "shop/checkout",
    "type": "customer.purchase",
    "subject": "shop:4711",
    "time": "2026-05-01T10:00:00Z",
    "data": {"amount": "29.30", "currency": "USD", "quantity": 2, "note": "leave it at the door"},
    "pii": {"name": "Jane", "tags": ["a", {"b": [1, 2.5, None, True]}]},
}
_TEXT = json.dumps(GOOD)


def _with(name: str, text: str) -> bytes:
    """The good event with this JSON text as one of its values."""
    return _TEXT.replace(json.dumps({name: GOOD[name]})[1:-1], f'"{name}": {text}').encode()


def _with_data(text: str) -> bytes:
    return _with("data", f'{{"amount": "1.00", "currency": "USD", "x": {text}}}')


CORPUS: dict[str, bytes] = {
    "nothing": b"",
    "a space": b" ",
    "not UTF-8": _TEXT.encode().replace(b"Jane", b"J\xffne"),
    "overlong UTF-8": _TEXT.encode().replace(b"Jane", b"J\xc0\x80ne"),
    "surrogate in UTF-8": _TEXT.encode().replace(b"Jane", b"J\xed\xa0\x80ne"),
    "byte order mark": b"\xef\xbb\xbf" + _TEXT.encode(),
    "UTF-16": _TEXT.encode("utf-16"),
    "UTF-32": _TEXT.encode("utf-32"),
    "UTF-16 without a mark": _TEXT.encode("utf-16-le"),
    "latin-1": _TEXT.replace("Jane", "Jäne").encode("latin-1"),
    "NUL byte": _TEXT.encode().replace(b"Jane", b"J\x00ne"),
    "NUL escaped": _with("id", '"a\\u0000b"'),
    "NUL in a name": _with("data", '{"a\\u0000": 1}'),
    "lone surrogate": _with("id", '"\\ud800"'),
    "lone surrogate in data": _with_data('"\\udfff"'),
    "lone surrogate in a name": _with("data", '{"\\ud800": 1}'),
    "NaN": _with_data("NaN"),
    "Infinity": _with_data("-Infinity"),
    "1e999": _with_data("1e999"),
    "amount 1e999": _with("data", '{"amount": 1e999, "currency": "USD"}'),
    "1e-999": _with_data("1e-999"),
    "400 digits": _with_data("9" * 400),
    "5,000 digits": _with_data("9" * 5_000),
    "5,000 decimals": _with_data("0." + "1" * 5_000),
    "2^63": _with_data("9223372036854775808"),
    "a hundred levels": _with_data("[" * 100 + "]" * 100),
    "a thousand levels": _with_data("[" * 1_000 + "]" * 1_000),
    "objects a thousand levels deep": _with_data('{"a":' * 1_000 + "1" + "}" * 1_000),
    "a hundred thousand levels": b"[" * 100_000 + b"]" * 100_000,
    "brackets that never close": b"[" * 100_000,
    "names twice": (_TEXT[:-1] + ', "id": "e-2", "id": "e-3", "type": "acme", "data": {"a": 1, "a": 2}}').encode(),
    "10,000 names": _with("data", "{" + ", ".join(f'"k{number}": 1' for number in range(10_000)) + "}"),
    "10,000 attributes": (_TEXT[:-1] + "".join(f', "a{number}": 1' for number in range(10_000)) + "}").encode(),
    "10,000 items": _with_data(json.dumps(list(range(10_000)))),
    "10,001 events": b"[" + b",".join([b"{}"] * 10_001) + b"]",
    "an event of 256 KiB and one byte": _with_data(json.dumps("x" * (256 * 1024))),
    "null": b"null",
    "a text": b'"event"',
    "events in events": b"[[" + _TEXT.encode() + b"]]",
    "nothing but commas": b"[,,,]",
    "a comma at the end": b"[" + _TEXT.encode() + b",]",
    "two documents": _TEXT.encode() * 2,
    "comments": b"/* */" + _TEXT.encode(),
    "single quotes": _TEXT.replace('"', "'").encode(),
    "a day that is none": _with("time", '"2026-02-30T10:00:00Z"'),
    "a leap second": _with("time", '"2016-12-31T23:59:60Z"'),
    "year 0": _with("time", '"0000-01-01T00:00:00Z"'),
    "year 9999": _with("time", '"9999-12-31T23:59:59Z"'),
    "beyond the calendar": _with("time", '"9999-12-31T23:59:59-23:59"'),
    "time as a number": _with("time", "1777629600"),
    "a zone of a hundred hours": _with("time", '"2026-05-01T10:00:00+99:99"'),
    "subject of control characters": _with("subject", '"shop:\\n\\u0001\\u007f"'),
    "subject right to left": _with("subject", '"shop:\\u202e4711"'),
    "subject of a megabyte": _with("subject", json.dumps("shop:" + "x" * 200_000)),
    "HTML": _with("subject", '"shop:<script>alert(1)</script>"'),
    "SQL": _with("id", json.dumps("'; drop table timeline; --")),
    "template": _with("id", '"{{ 7 * 7 }}${7*7}%s%n"'),
}

_NASTY = [
    "null", "true", "-0", "1e400", "1E-400", "0.1e1", "9" * 30, "-9223372036854775809", '""', '"\\u0000"', '"\\ud83d"',
    '"\\ud83d\\ude00"', "[]", "{}", "[[[[[[[[[]]]]]]]]]", '{"": ""}', "NaN", "'", '"\u2028"', '"' + "x" * 40_000 + '"',
    '"customer.linked"', '"customer.identified"', '"customer.merged"', '"jane@example.com"', '"+4915112345678"',
    '"9999-12-31T23:59:59.999999999Z"', '"1900-01-01T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"shop:"', '":"',
    '{"reference": "shop:4711"}', '{"granted": true, "channel": "email", "purpose": "x"}', "1.0", '"1.0"',
]  # fmt: skip
_BYTES = [b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"\n"]


def mutations(count: int, *, seed: int) -> Iterator[bytes]:
    """So many bodies: one to three good events, in which one to four things are changed, in values or in bytes."""
    chance = random.Random(seed)
    for number in range(count):
        events = [_varied(chance, f"m{seed}-{number}-{index}") for index in range(chance.randint(1, 3))]
        if chance.random() < 0.5:
            yield json.dumps(events[0] if len(events) == 1 else events).encode()
        else:
            yield _mangled(chance, json.dumps(events).encode())


def _varied(chance: random.Random, name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(_TEXT) | {"id": name, "subject": f"shop:h{chance.randint(0, 50)}"}
    event["type"] = chance.choice(["customer.purchase", "customer.identified", "customer.linked", "acme.thing"])
    for _ in range(chance.randint(1, 4)):
        holder = chance.choice([event, event, event.get("data"), event.get("pii")])
        if not isinstance(holder, dict):
            continue
        key = chance.choice([*holder, "reference", "later"])
        if chance.random() < 0.2:
            holder.pop(key, None)
            continue
        text = chance.choice(_NASTY)
        try:
            holder[key] = json.loads(text)
        except ValueError:
            holder[key] = text
    return event


def _mangled(chance: random.Random, body: bytes) -> bytes:
    made = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(4):
            case 0:
                made[at : at + chance.randint(1, 8)] = b""
            case 1:
                made[at:at] = chance.choice(_BYTES) * chance.randint(1, 3)
            case 2:
                made[at:at] = chance.choice(_NASTY).encode()
            case _:
                made[at:at] = made[chance.randrange(len(made) + 1) :][: chance.randint(1, 200)]
    return bytes(made)
