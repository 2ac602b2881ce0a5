"""Bytes to events. A fast way for JSON as it should be, a careful one for JSON that is merely legal."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from services.ingest.domain.entities import Code, Refuse

MAX_EVENTS = 500
MAX_EVENT_BYTES = 256 * 1024

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]+|[\]}]+|,|"', re.DOTALL)
# More structure than this in a body too deep to decode is not worth the time of everybody else.
_MAX_TOKENS = 100_000
_TOO_DEEP = Refuse("event", Code.TOO_DEEP, "expected at most 8 levels of objects and lists")
TOO_LARGE = Refuse("event", Code.TOO_LARGE, f"expected an event of at most {MAX_EVENT_BYTES} bytes")
# Stand for numbers that no type of ours holds, and that the domain therefore refuses.
_NO_NUMBER = Decimal("Infinity")
_NO_INTEGER = 2**64


class NotJson(Exception):
    """The body is not a JSON document in UTF-8."""


def decode_events(body: bytes) -> Sequence[Any]:
    """The events in a body, which is one or an array of them; numbers with a fraction come as Decimal.

    What can be told from the bytes alone (too large, too deep) stands as a `Refuse` in the event's place;
    more than 500 events are the caller's to refuse. Raises NotJson.
    """
    try:
        document = _DECODER.decode(body)
    except RecursionError:
        return _decode_apart(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            document = _decode_legal(body)
        except RecursionError:
            return _decode_apart(body)
    events = document if type(document) is list else [document]
    if len(body) > MAX_EVENT_BYTES and len(events) <= MAX_EVENTS:
        sizes = _sizes(body, document)
        return [event if size <= MAX_EVENT_BYTES else TOO_LARGE for event, size in zip(events, sizes, strict=True)]
    return events


def decode_event(body: bytes) -> Any:
    """The one event in `body`, or a `Refuse` when it is too large or too deep. Raises NotJson."""
    if len(body) > MAX_EVENT_BYTES:
        return TOO_LARGE
    try:
        return _DECODER.decode(body)
    except RecursionError:
        return _TOO_DEEP
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            return _decode_legal(body)
        except RecursionError:
            return _TOO_DEEP


def _sizes(body: bytes, document: Any) -> Sequence[int]:
    if type(document) is not list:
        return [len(body.strip())]
    try:
        return [len(raw) for raw in _RAW_DECODER.decode(body)]
    except msgspec.MsgspecError:
        return [len(json.dumps(event, default=str)) for event in document]


def _decode_legal(body: bytes) -> Any:
    """Legal JSON that the fast decoder refuses: half surrogate pairs, numbers beyond every range."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise NotJson from error


def _decode_apart(body: bytes) -> Sequence[Any]:
    """One event nests deeper than Python can follow: decode each alone, so that its neighbours do not suffer."""
    parts = _split(body)
    if parts is None:
        return [_TOO_DEEP]
    return [decode_event(part) for part in parts]


def _split(body: bytes) -> Sequence[bytes] | None:
    """The elements of an array (or the one object) by counting brackets; None when that takes too long.

    Raises NotJson when the brackets do not match.
    """
    text = body.strip()
    depth, begin = 0, 1
    parts: list[bytes] = []
    for count, token in enumerate(_TOKEN.finditer(text)):
        if count == _MAX_TOKENS:
            return None
        first = text[token.start()]
        if first in b"[{":
            depth += token.end() - token.start()
        elif first in b"]}":
            depth -= token.end() - token.start()
            if depth < 0 or (depth == 0 and token.end() != len(text)):
                raise NotJson
        elif first == ord(",") and depth == 1:
            parts.append(text[begin : token.start()])
            begin = token.end()
        elif token.group() == b'"':
            raise NotJson
    if depth or text[:1] not in (b"[", b"{"):
        raise NotJson
    return [*parts, text[begin:-1]] if text[:1] == b"[" else [text]


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return _NO_NUMBER


def _integer(text: str) -> int:
    return int(text) if len(text) <= 20 else _NO_INTEGER


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = msgspec.json.Decoder(float_hook=_decimal)
_RAW_DECODER = msgspec.json.Decoder(list[msgspec.Raw])
