"""The kinds of value a field of the vocabulary can have: each takes what was sent and gives the canonical form.

A kind raises Unfit for the wrong type or value. What it returns is within the limits. A text that is no code
(empty, long, or with an address in it) is `FREE_TEXT`: still kept, but among the personal data.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from services.ingest.domain.entities import Code, Unfit
from services.ingest.domain.limits import INT64, check_value

Kind = Callable[[Any], Any]

FREE_TEXT: Final = object()
MAX_CODE_LENGTH = 200

_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,6})?")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_ZONE = re.compile(r"[A-Za-z]{1,20}(?:[/_+-][A-Za-z0-9]{1,20}){0,5}")
_BIRTHDAY_WITHOUT_YEAR = re.compile(r"--(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ADDRESS = re.compile(r"[^@\s]@[^@\s]")
_PHONE = re.compile(r"(?:\+|00)[0-9][0-9 ().\-]{5,22}[0-9]")


def code(value: Any) -> Any:
    """A short name or number of the emitter's: order, product, case, channel, class."""
    if type(value) is not str:
        raise Unfit(Code.TYPE, "expected a string")
    if not 1 <= len(value) <= MAX_CODE_LENGTH or not value.isprintable():
        return FREE_TEXT
    if ("@" in value and _ADDRESS.search(value)) or (value[0] in "+0" and _PHONE.fullmatch(value)):
        return FREE_TEXT
    return value


def amount(value: Any) -> str:
    """Money as a decimal string, as written. A JSON number is taken by its digits; nothing is ever computed."""
    if type(value) is str:
        text = value
    elif type(value) is int or type(value) is Decimal:
        check_value(value)
        text = format(value, "f" if type(value) is Decimal else "d")
    else:
        raise Unfit(Code.TYPE, 'expected a decimal string such as "29.33", or a number')
    if not _AMOUNT.fullmatch(text):
        raise Unfit(
            Code.VALUE,
            "expected an amount of zero or more, with up to 15 digits before the point and up to 6 after it;"
            " money given back is a customer.refund",
        )
    return text


def currency(value: Any) -> str:
    """An ISO 4217 code in upper case."""
    if type(value) is not str:
        raise Unfit(Code.TYPE, "expected a string")
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise Unfit(Code.VALUE, "expected a currency of three upper-case letters (ISO 4217), such as USD")
    return value


def count(value: Any) -> int:
    """A whole number of zero or more."""
    if type(value) is not int:
        raise Unfit(Code.TYPE, "expected a whole number")
    if not 0 <= value < INT64:
        raise Unfit(Code.VALUE, "expected zero or more, of at most 64 bits")
    return value


def number(value: Any) -> Any:
    """Any finite number."""
    if type(value) not in (int, Decimal, float):
        raise Unfit(Code.TYPE, "expected a number")
    check_value(value)
    return value


def flag(value: Any) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise Unfit(Code.TYPE, "expected true or false")
    return value


def choice(*allowed: str) -> Kind:
    """One of a few words, whatever their case."""

    def one_of(value: Any) -> str:
        text = _text(value).lower()
        if text not in allowed:
            raise Unfit(Code.VALUE, f"expected one of {', '.join(allowed)}")
        return text

    return one_of


def locale(value: Any) -> str:
    """A language tag such as en, zh-CN or pt_BR (given back with a hyphen)."""
    text = _text(value)
    if not _LOCALE.fullmatch(text):
        raise Unfit(Code.VALUE, "expected a language tag such as en or zh-CN")
    return text.replace("_", "-")


def zone(value: Any) -> str:
    """The name of a time zone such as Europe/Berlin (looked up where it is used)."""
    text = _text(value)
    if not _ZONE.fullmatch(text):
        raise Unfit(Code.VALUE, "expected the name of a time zone such as Europe/Berlin")
    return text


def day(value: Any) -> str:
    """A calendar day, YYYY-MM-DD; birthdays may leave the year out: --MM-DD."""
    text = _text(value)
    if _BIRTHDAY_WITHOUT_YEAR.fullmatch(text):
        return text
    try:
        return date.fromisoformat(text).isoformat() if _DATE.fullmatch(text) else _no_day()
    except ValueError:
        return _no_day()


def reference(value: Any) -> str:
    """Another name of the customer; made canonical by whoever knows the emitter."""
    return _text(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Unfit(Code.TYPE, "expected a string")
    return value


def _no_day() -> str:
    raise Unfit(Code.VALUE, "expected a day such as 1997-01-31")
