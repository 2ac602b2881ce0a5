"""A header name that is no UTF-8 costs nobody a record."""

import struct
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from shared.kafka.header_names import mended

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
Header = tuple[str, bytes | None]


def batch(base: int, *headers: list[Header], codec: int = NONE, spoil: bytes = b"") -> bytes:
    """Records 0, 1 and so on with these headers; the bytes `spoil` in them become 0xFF, as outsiders can write them."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=100_000,
    )  # fmt: skip
    for offset, given in enumerate(headers):
        key = b"k" if offset % 2 else None
        builder.append(offset, timestamp=1_000 + offset, key=key, value=b"v%d\xff" % offset, headers=given)
    made = bytearray(builder.build()).replace(spoil, b"\xff" * len(spoil)) if spoil else bytearray(builder.build())
    struct.pack_into(">q", made, 0, base)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return bytes(made)


def compressed(plain: bytes, codec: int) -> bytes:
    """The same batch as its writer would have compressed it."""
    from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode

    encode = {GZIP: gzip_encode, SNAPPY: snappy_encode, LZ4: lz4_encode, ZSTD: zstd_encode}[codec]
    made = bytearray(plain[:61]) + encode(plain[61:])
    struct.pack_into(">h", made, 21, codec)
    struct.pack_into(">i", made, 8, len(made) - 12)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return bytes(made)


def read(fetched: bytes | None) -> list[tuple[int, Any, Any, list[Header]]]:
    """As the client does, checksums and all."""
    found = []
    records = MemoryRecords(fetched or b"")
    while records.has_next():
        one = records.next_batch()
        assert one is not None
        assert one.validate_crc()
        found += [(r.offset, r.key, r.value, list(r.headers)) for r in one]
    return found


GOOD: list[Header] = [("content-type", b"application/json"), ("ü", None)]
SPOILT: list[Header] = [("a#XY", b"1"), ("null", None)]


def test_what_is_well_is_handed_on_untouched() -> None:
    fetched = batch(7, GOOD, []) + batch(9, GOOD)
    assert mended(fetched) is fetched
    assert mended(b"") == b""
    assert mended(None) is None


@pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_spoilt_name_becomes_question_marks_and_everything_else_stays(codec: int) -> None:
    plain = batch(7, GOOD, SPOILT, GOOD, spoil=b"#X")
    fetched = batch(5, GOOD, GOOD) + (compressed(plain, codec) if codec else plain) + batch(10, GOOD)
    with pytest.raises(UnicodeDecodeError):
        read(fetched)
    found = read(mended(fetched))
    assert [offset for offset, *_ in found] == [5, 6, 7, 8, 9, 10]
    assert [headers for *_, headers in found] == [
        GOOD, GOOD, GOOD, [("a??Y", b"1"), ("null", None)], GOOD, GOOD,
    ]  # fmt: skip
    assert found[3][:3] == (8, b"k", b"v1\xff")


def test_what_is_broken_in_another_way_is_left_to_the_client() -> None:
    broken = bytearray(batch(7, SPOILT, GOOD, spoil=b"#X"))
    broken[-9] = 0xFF
    assert mended(bytes(broken)) == bytes(broken)
    assert mended(b"\x00" * 200) == b"\x00" * 200


def test_a_batch_cut_off_by_the_limit_of_a_fetch_stays_as_it_is() -> None:
    whole = batch(7, SPOILT, spoil=b"#X")
    cut = batch(8, SPOILT, spoil=b"#X")[:-3]
    assert (mended(whole + cut) or b"").endswith(cut)
    assert [offset for offset, *_ in read(mended(whole + cut))] == [7]
