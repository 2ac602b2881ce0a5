"""Bytes to contracts, each record alone: a bad one is set aside, its neighbours go on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from shared.clock import pause
from shared.errors import DeadReason, PermanentError
from shared.kafka.client import ConsumerRecord
from shared.pipeline.records import DeadLetter, RawRecord, Received, fingerprint

# Decoding is pure CPU: let heartbeats and database answers in between.
RECORDS_BETWEEN_YIELDS = 500

# Whoever wrote the record chose its timestamp; the last one that a datetime can hold.
_LAST_MS = 253_402_300_799_000

_NUL = b"\\u0000"


class RecordDecoder(Protocol):
    """Makes of records what a handler takes."""

    async def decode(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> tuple[list[Received[Any]], list[DeadLetter]]:
        """Everything decodable in its order, and everything else; no record is in neither."""
        ...


class Decoder:
    """Decodes the records of one topic. `contract` is a type with a `subject` that equals the record's key."""

    def __init__(self, contract: Any) -> None:
        self._decoder = msgspec.json.Decoder(contract)

    async def decode(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> tuple[list[Received[Any]], list[DeadLetter]]:
        """Everything decodable in its order, and everything else. Never looks at headers to decide."""
        received: list[Received[Any]] = []
        dead: list[DeadLetter] = []
        decode = self._decoder.decode
        for index, record in enumerate(records, start=1):
            raw = record.value
            try:
                if not raw:
                    raise PermanentError(DeadReason.EMPTY, "the record has no value")
                if _NUL in raw:
                    _refuse_nul(raw)
                value = decode(raw)
                if value.subject.encode() != record.key:
                    raise PermanentError(DeadReason.WRONG_KEY, "the record's key is not its subject")
                received.append(Received(value, raw))
            except msgspec.ValidationError as error:
                dead.append(dead_letter(record, DeadReason.WRONG_SHAPE, str(error)))
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                dead.append(dead_letter(record, DeadReason.UNDECODABLE, type(error).__name__))
            except PermanentError as error:
                dead.append(dead_letter(record, error.reason, error.detail))
            if index % RECORDS_BETWEEN_YIELDS == 0:
                await pause(0)
        return received, dead


class Untouched:
    """Hands records over as they are: for topics that others write, where the handler says what is wrong and why."""

    async def decode(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> tuple[list[Received[Any]], list[DeadLetter]]:
        return [Received(_untouched(record), record.value or b"") for record in records], []


def _untouched(record: "ConsumerRecord[bytes, bytes]") -> RawRecord:
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        fingerprint=fingerprint(record),
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def _refuse_nul(raw: bytes) -> None:
    """JSON may carry a NUL, PostgreSQL's text may not. The six characters alone may be an escaped backslash."""
    if _has_nul(msgspec.json.decode(raw)):
        raise PermanentError(DeadReason.NUL, "a text contains a NUL character, which the store cannot hold")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def dead_letter(record: "ConsumerRecord[bytes, bytes]", reason: DeadReason, detail: str) -> DeadLetter:
    """The record whole, with why it is set aside. `detail` names fields and places, never values."""
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        fingerprint=fingerprint(record),
        key=record.key,
        value=record.value,
        headers=msgspec.msgpack.encode([(name, value) for name, value in record.headers]),
        recorded_at=datetime.fromtimestamp(min(max(record.timestamp, 0), _LAST_MS) / 1000, UTC),
        reason=reason,
        detail=detail,
    )
