"""Records that kill some layer, as a broken writer, or somebody else with access, could put them onto our topics."""

import itertools
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from shared.ids import customer_id_of
from shared.kafka.topics import ALERTS, INTERACTIONS, PROFILES, SCORES, Topic
from tests.integration.alerts import bench
from tests.integration.notify import values
from tests.support.builders import day, interaction, record
from tests.support.stack import Lease

_numbers = itertools.count(1)
SPOILT = "#X"
VERSION = re.compile(rb'"version":\d+')

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Written:
    """One record. `reason`: why it is set aside; None when it is none of our business, `any` where layers differ."""

    key: bytes | None
    value: bytes | None
    reason: str | None = None
    headers: Headers = field(default_factory=list)


def good(topic: Topic) -> Written:
    """A record about somebody new, of which nobody has to be told."""
    number = next(_numbers)
    if topic is INTERACTIONS:
        one: Any = interaction(subject=f"poison:{number}", time=day(990))
    elif topic is PROFILES:
        one = values.profile(f"poison-{number}", owner="ben")
    elif topic is SCORES:
        who = customer_id_of(f"poison:{number}")
        one = bench.score(("poison:1", "medium", 10, None), version=1, profile_version=1, customer_id=who)
    else:
        one = values.alert(f"poison-{number}", f"poison-{number}", notify=())
    return Written(*record(one))


def bad(topic: Topic) -> dict[str, Written]:
    """Name to record, each with a reason from the closed list."""
    key, value = good(topic).key, good(topic).value or b""
    kinds = {
        "nothing": (b"", "empty"),
        "not JSON": (b"{", "undecodable"),
        "not UTF-8": (in_text(value, b"\xff"), "undecodable"),
        "UTF-16": (value.decode().encode("utf-16"), "undecodable"),
        "byte order mark": (b"\xef\xbb\xbf" + value, "undecodable"),
        "something after it": (value + b"x", "undecodable"),
        "NUL": (in_text(value, b"\\u0000"), "nul"),
        "NUL where nobody looks": (b'{"later":"\\u0000",' + value[1:], "nul"),
        "lone surrogate": (in_text(value, b"\\ud800"), "undecodable"),
        "NaN": (as_number(topic, value, b"NaN"), "undecodable"),
        "Infinity": (as_number(topic, value, b"-Infinity"), "undecodable"),
        "1e999": (as_number(topic, value, b"1e999"), "wrong_shape"),
        "thousands of levels": (as_number(topic, value, b"[" * 5_000 + b"]" * 5_000), "any"),
        "5,000 digits": (as_number(topic, value, b"9" * 5_000), "any"),
        "array for an object": (b"[]", "wrong_shape"),
        "number for a text": (value.replace(b'"source":"', b'"source":7,"x":"', 1), "wrong_shape"),
        "time without a zone": (re.sub(rb'("time":"[^"]*)Z"', rb'\1"', value, count=1), "any"),
        "a day that is none": (re.sub(rb'"time":"\d{4}-\d\d', b'"time":"2026-13', value, count=1), "wrong_shape"),
        "fields missing": (b'{"subject":"x"}', "wrong_shape"),
    }
    found = {name: Written(good(topic).key, text, reason) for name, (text, reason) in kinds.items()}
    found["key of another"] = Written(b"somebody", value, "wrong_key")
    if topic is INTERACTIONS:
        found["no key"] = Written(None, value, "wrong_key")  # compacted topics take none: the broker refuses it
        found["year 9999"] = Written(key, re.sub(rb'"time":"\d{4}', b'"time":"9999', value, count=1), "any")
    else:
        found["2^63 as a version"] = Written(key, VERSION.sub(b'"version":9223372036854775808', value), "any")
        found["text as a number"] = Written(key, VERSION.sub(b'"version":"7"', value), "wrong_shape")
        found["fraction as a number"] = Written(key, VERSION.sub(b'"version":1.5', value), "wrong_shape")
        found["an id that is none"] = Written(b"nobody", value.replace(key or b"", b"nobody"), "any")
    if topic is not ALERTS:  # whose entities end in a tombstone
        found["null value"] = Written(key, None, "empty")
    return found


def odd(topic: Topic) -> dict[str, Written]:
    """What looks bad and must be taken as it is: headers never decide, unknown fields are none of our business."""
    found = {
        "null header": good(topic),
        "header that is no text": good(topic),
        "wish for an answer": good(topic),
        "header name that is no text": good(topic),
        "unknown field": good(topic),
        "a name twice": good(topic),
        "escaped backslash before u0000": good(topic),
    }
    headers: dict[str, Headers] = {
        "null header": [("a", None)],
        "header that is no text": [("content-type", b"\xff\xfe")],
        "wish for an answer": [("reply_to", b"elsewhere"), ("correlation_id", b"x")],
        "header name that is no text": [(SPOILT, b"1")],
    }
    more = {
        "unknown field": b'{"later":{"x":[1,null,"y"]},',
        "a name twice": b'{"source":"first",',
        "escaped backslash before u0000": b'{"later":"\\\\u0000",',
    }
    return {
        name: Written(
            one.key,
            more[name] + (one.value or b"")[1:] if name in more else one.value,
            headers=headers.get(name, []),
        )
        for name, one in found.items()
    }


def in_text(value: bytes, text: bytes) -> bytes:
    """These bytes at the beginning of a text that is looked at."""
    return value.replace(b'"source":"', b'"source":"' + text, 1)


def as_number(topic: Topic, value: bytes, number: bytes) -> bytes:
    """This where a number may stand, or where there is one."""
    if topic is INTERACTIONS:
        return value.replace(b'"data":{', b'"data":{"n":' + number + b",", 1)
    return VERSION.sub(b'"version":' + number, value, count=1)


async def write(lease: Lease, topic: Topic, records: Sequence[Written]) -> None:
    """Onto one partition, in this order, in as few batches as it takes; the header name `SPOILT` becomes 0xFF."""
    producer = AIOKafkaProducer(bootstrap_servers=lease.kafka_bootstrap, max_batch_size=1 << 20)
    await producer.start()
    try:
        batch = producer.create_batch()
        for one in records:
            taken = batch.append(key=one.key, value=one.value, timestamp=None, headers=one.headers)
            assert taken is not None
        batch.close()
        made = bytearray(batch._build()).replace(SPOILT.encode(), b"\xff" * len(SPOILT))
        struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
        batch._buffer = bytes(made)
        await (await producer.send_batch(batch, topic.prefixed(lease.prefix).name, partition=0))
    finally:
        await producer.stop()
