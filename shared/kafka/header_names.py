"""Lets records through whose header names are no UTF-8.

Kafka takes any bytes for a name; the client library decodes them while it unpacks what it fetched, fails, and throws
away what it has unpacked of other partitions: the partition stands still, and records can go missing. So what is
fetched is looked through first, and bytes that spoil a name become question marks.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, decode_varint

log = structlog.get_logger(__name__)

# Of a record batch, format 2: its length counts from byte 12 on, its checksum from byte 21 on, records begin at 61.
_LENGTH, _CRC, _ATTRIBUTES, _COUNT, _RECORDS = 8, 17, 21, 57, 61
_CODEC = 0x07
_DECODERS: Mapping[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


def tolerate_header_names(consumer: Any) -> None:
    """From now on this consumer reads past such names. Call it before it fetches; again, it changes nothing."""
    client = consumer._client
    if getattr(client, "tolerates_header_names", False):
        return
    send = client.send

    async def tolerant(*arguments: Any, **options: Any) -> Any:
        response = await send(*arguments, **options)
        if type(response).__name__.startswith("FetchResponse"):
            response.topics = [
                (topic, [(*partition[:-1], mended(partition[-1])) for partition in partitions])
                for topic, partitions in response.topics
            ]
        return response

    client.send = tolerant
    client.tolerates_header_names = True


def mended(fetched: bytes | None) -> bytes | None:
    """What was fetched of one partition, the same bytes unless a name in it is no UTF-8 and nothing else is wrong."""
    try:
        if not fetched or not any(map(_spoilt, _batches_in(fetched))):
            return fetched
        log.warning("header_names_mended")
        return _mended(fetched)
    except Exception:  # the client meets the same and says better what is wrong
        return fetched


def _mended(fetched: bytes) -> bytes:
    parts = []
    start = 0
    while start + _ATTRIBUTES < len(fetched):
        end = start + 12 + struct.unpack_from(">i", fetched, start + _LENGTH)[0]
        batch = fetched[start:end]
        parts.append(_mended_batch(batch) if any(map(_spoilt, _batches_in(batch))) else batch)
        start = end
    return b"".join(parts)


def _batches_in(fetched: bytes) -> Iterator[Any]:
    records = MemoryRecords(fetched)
    while records.has_next():
        yield records.next_batch()


def _spoilt(batch: Any) -> bool:
    try:
        for _ in batch:
            pass
    except UnicodeDecodeError:
        return True
    return False


def _mended_batch(batch: bytes) -> bytes:
    """The batch without compression, its offsets and all values as they were. A false checksum stays false."""
    if calc_crc32c(batch[_ATTRIBUTES:]) != struct.unpack_from(">I", batch, _CRC)[0]:
        return batch
    attributes, count = struct.unpack_from(">h", batch, _ATTRIBUTES)[0], struct.unpack_from(">i", batch, _COUNT)[0]
    codec = attributes & _CODEC
    records = bytearray(_DECODERS[codec](batch[_RECORDS:]) if codec else batch[_RECORDS:])
    for start, end in list(_names(records, count)):
        try:
            records[start:end].decode()
        except UnicodeDecodeError:
            records[start:end] = bytes(one if one < 0x80 else ord("?") for one in records[start:end])
    made = bytearray(batch[:_RECORDS]) + records
    struct.pack_into(">h", made, _ATTRIBUTES, attributes & ~_CODEC)
    struct.pack_into(">i", made, _LENGTH, len(made) - 12)
    struct.pack_into(">I", made, _CRC, calc_crc32c(bytes(made[_ATTRIBUTES:])))
    return bytes(made)


def _names(records: bytearray, count: int) -> Iterator[tuple[int, int]]:
    """Where the header names of these records lie."""
    at = 0
    for _ in range(count):
        length, at = decode_varint(records, at)
        end = at + length
        at += 1  # attributes
        for _ in range(2):  # timestamp and offset, from those of the batch
            _, at = decode_varint(records, at)
        for _ in range(2):  # key and value; -1 is none
            size, at = decode_varint(records, at)
            at += max(size, 0)
        headers, at = decode_varint(records, at)
        for _ in range(headers):
            size, at = decode_varint(records, at)
            yield at, at + size
            at += size
            size, at = decode_varint(records, at)
            at += max(size, 0)
        at = end
