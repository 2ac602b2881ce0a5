"""A record that kills a layer further down is set aside with a reason; its neighbours are counted."""

import msgspec
import pytest

from tests.support.builders import interaction, record
from tests.support.tally.bench import Bench, all_ids, events
from tests.support.tally.service import QUERIES

VALID = record(interaction(subject="shop:0", id="good"))[1]


def with_data(text: bytes) -> bytes:
    """An interaction whose data is this JSON text."""
    return VALID.replace(b'"data":{"amount":"10.00","currency":"USD"}', b'"data":{"x":' + text + b"}")


# value of the record to the reason it is set aside for
BAD = {
    "empty": (b"", "empty"),
    "null value": (None, "empty"),
    "not JSON": (b"{", "undecodable"),
    "not UTF-8": (VALID.replace(b"good", b"go\xffd"), "undecodable"),
    "UTF-16": ('{"specversion":"1.0"}'.encode("utf-16"), "undecodable"),
    "byte order mark": (b"\xef\xbb\xbf" + VALID, "undecodable"),
    "something after it": (VALID + b"x", "undecodable"),
    "NUL in a text": (with_data(b'"a\\u0000b"'), "nul"),
    "NUL in a name": (with_data(b'{"a\\u0000":1}'), "nul"),
    "lone surrogate": (with_data(b'"\\ud800"'), "undecodable"),
    "NaN": (with_data(b"NaN"), "undecodable"),
    "Infinity": (with_data(b"Infinity"), "undecodable"),
    "1e999": (with_data(b"1e999"), "wrong_shape"),
    "thousands of levels": (with_data(b"[" * 5_000 + b"]" * 5_000), "undecodable"),
    "number for a text": (VALID.replace(b'"good"', b"7"), "wrong_shape"),
    "array for an object": (b"[]", "wrong_shape"),
    "time without a zone": (VALID.replace(b"Z\"", b"\""), "wrong_shape"),
    "key of another": (record(interaction(subject="shop:9"))[1], "wrong_key"),
}  # fmt: skip

# What looks bad and is none of our business: it is carried as it came.
GOOD = {
    "escaped backslash before u0000": with_data(b'"\\\\u0000"').replace(b"good", b"g1"),
    "400 digits": with_data(b"9" * 400).replace(b"good", b"g2"),
    "2^63": with_data(b"9223372036854775808").replace(b"good", b"g3"),
    "a key twice": with_data(b'1,"x":2').replace(b"good", b"g4"),
    "unknown field": VALID.replace(b"{", b'{"later":{"x":1},', 1).replace(b"good", b"g5"),
}


async def test_what_cannot_be_decoded_is_set_aside_and_its_neighbours_are_counted(bench: Bench) -> None:
    key = b"shop:0"
    first, *rest = events(20)
    await bench.emit(first)
    await bench.emit_pairs([(key, value) for value, _ in BAD.values()])
    await bench.emit_pairs([(key, value) for value in GOOD.values()])
    await bench.emit(*rest)
    async with bench.process() as one:
        await bench.finished(20 + len(GOOD))
        assert one.count("dead") == len(BAD)
    dead = await bench.rows(QUERIES.list_dead)
    assert {name: row["reason"] for name, row in zip(BAD, dead, strict=True)} == {
        name: reason for name, (_, reason) in BAD.items()
    }
    assert [row["value"] or b"" for row in dead] == [value or b"" for value, _ in BAD.values()]
    assert all_ids(await bench.stored()) == sorted(
        ["e0", *(f"e{n}" for n in range(1, 20)), "g1", "g2", "g3", "g4", "g5"]
    )


async def test_headers_of_any_kind_neither_stop_nor_steer(bench: Bench) -> None:
    """A null value, bytes that are no text, and a wish for an answer: the record counts, or is set aside whole."""
    headers = [("null", None), ("bytes", b"\xff\xfe"), ("reply_to", b"elsewhere"), ("content-type", b"\xff")]
    await bench.emit_raw(VALID, key=b"shop:0", headers=headers)
    await bench.emit_raw(b"{", key=b"shop:0", headers=headers)
    await bench.emit_raw(VALID.replace(b"good", b"next"), key=b"shop:0")
    async with bench.process():
        await bench.finished(2)
    (dead,) = await bench.rows(QUERIES.list_dead)
    assert [tuple(one) for one in msgspec.msgpack.decode(dead["headers"])] == headers


async def test_a_dead_letter_met_again_counts_another_attempt(bench: Bench) -> None:
    await bench.emit_raw(b"{", key=b"shop:0")
    await bench.emit_raw(VALID, key=b"shop:0")
    async with bench.process(held=True, crash=True) as one:
        await one.publisher.waiting.wait()
    async with bench.process():
        await bench.finished(1)
    (dead,) = await bench.rows(QUERIES.list_dead)
    assert (dead["offset"], dead["attempts"]) == (0, 2)


@pytest.mark.parametrize("records", [1, 3])
async def test_a_batch_of_nothing_but_dead_letters_moves_on(bench: Bench, records: int) -> None:
    for _ in range(records):
        await bench.emit_raw(b"{", key=b"shop:0")
    async with bench.process() as one:
        await bench.settled({0: records})
        assert one.count("dead") == records


async def test_a_dead_letter_that_was_dropped_stays_gone_when_its_record_is_read_again(bench: Bench) -> None:
    """The last record of a partition is read at every start; the one that is still there counts another attempt."""
    await bench.emit_raw(b"[", key=b"shop:0")
    await bench.emit_raw(b"{", key=b"shop:0")
    async with bench.process():
        await bench.settled({0: 2})
    await bench.rows('delete from dead_letters where "offset" = 1')
    await bench.commit({0: 0})
    async with bench.process():
        await bench.settled({0: 2})
    (dead,) = await bench.rows(QUERIES.list_dead)
    assert (dead["offset"], dead["attempts"]) == (0, 2)
