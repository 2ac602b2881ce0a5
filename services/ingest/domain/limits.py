"""How much an event may hold. What passes here passes every later layer: JSON, Kafka, PostgreSQL and Python."""

import math
import re
from decimal import Decimal
from typing import Any

from services.ingest.domain.entities import Code, Data, Unfit

MAX_KEYS = 100
MAX_ITEMS = 1_000
MAX_DEPTH = 8
MAX_TEXT_BYTES = 32 * 1024
MAX_KEY_LENGTH = 100
MAX_DIGITS = 40
INT64 = 2**63

# Largest power of ten a double can hold; what lies beyond reads as infinity (or zero) elsewhere.
MAX_EXPONENT = 307

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check_object(value: Data, name: str) -> None:
    """Raises Unfit, with the field's name, when anything in the object `name` breaks a limit."""
    if len(value) > MAX_KEYS:
        raise Unfit(Code.TOO_LARGE, f"expected at most {MAX_KEYS} keys in an object", field=name)
    for key, item in value.items():
        if len(key) > MAX_KEY_LENGTH or not key.isascii() or "\0" in key:
            _check_key(key, name)
        kind = type(item)
        if kind is str and item.isascii() and len(item) <= MAX_TEXT_BYTES and "\0" not in item:
            continue
        if kind is int and -INT64 <= item < INT64:
            continue
        try:
            check_value(item, 2)
        except Unfit as unfit:
            raise unfit.at(field_name(name, key)) from None


def field_name(parent: str, key: str) -> str:
    """`parent.key`, or only `parent` for a key that is no plain name (it may be somebody's address)."""
    return f"{parent}.{key}" if _PLAIN_NAME.fullmatch(key) else parent


def check_text(value: str) -> None:
    """Raises Unfit for a text that is too long or that a store cannot hold."""
    if len(value) > MAX_TEXT_BYTES:
        raise Unfit(Code.TOO_LONG, f"expected at most {MAX_TEXT_BYTES} bytes of text")
    if value.isascii():
        if "\0" in value:
            raise Unfit(Code.NUL, "expected text without the character U+0000")
        return
    if found := _UNSTORABLE.search(value):
        if found[0] == "\0":
            raise Unfit(Code.NUL, "expected text without the character U+0000")
        raise Unfit(Code.VALUE, "expected text without half surrogate pairs")
    if len(value.encode()) > MAX_TEXT_BYTES:
        raise Unfit(Code.TOO_LONG, f"expected at most {MAX_TEXT_BYTES} bytes of text")


def check_value(value: Any, depth: int = 1) -> None:
    """Raises Unfit for a JSON value that breaks a limit; `depth` is that of an object or list it may be."""
    kind = type(value)
    if kind is str:
        check_text(value)
    elif kind is int:
        if not -INT64 <= value < INT64:
            raise Unfit(Code.VALUE, "expected a whole number of at most 64 bits")
    elif kind is Decimal or kind is float:
        _check_number(value)
    elif kind is dict or kind is list:
        if depth > MAX_DEPTH:
            raise Unfit(Code.TOO_DEEP, f"expected at most {MAX_DEPTH} levels of objects and lists")
        _check_container(value, depth)
    elif value is not None and kind is not bool:
        raise Unfit(Code.TYPE, "expected a JSON value")


def _check_container(value: dict[str, Any] | list[Any], depth: int) -> None:
    if isinstance(value, dict):
        if len(value) > MAX_KEYS:
            raise Unfit(Code.TOO_LARGE, f"expected at most {MAX_KEYS} keys in an object")
        for key, item in value.items():
            _check_key(key)
            check_value(item, depth + 1)
        return
    if len(value) > MAX_ITEMS:
        raise Unfit(Code.TOO_LARGE, f"expected at most {MAX_ITEMS} items in a list")
    for item in value:
        check_value(item, depth + 1)


def _check_key(key: str, name: str = "") -> None:
    if len(key) > MAX_KEY_LENGTH:
        raise Unfit(Code.TOO_LONG, f"expected keys of at most {MAX_KEY_LENGTH} characters", field=name)
    try:
        check_text(key)
    except Unfit as unfit:
        raise unfit.at(name) from None


def _check_number(value: Decimal | float) -> None:
    if not math.isfinite(value):
        raise Unfit(Code.VALUE, "expected a finite number")
    if isinstance(value, Decimal) and (
        abs(value.adjusted()) > MAX_EXPONENT or len(value.as_tuple().digits) > MAX_DIGITS
    ):
        raise Unfit(Code.VALUE, f"expected a number of at most {MAX_DIGITS} digits that a double can hold")
