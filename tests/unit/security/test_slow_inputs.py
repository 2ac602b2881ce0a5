"""What others write costs time in proportion to its length: no pattern and no check of ours grows faster.

Measured as processor time, and judged by growth, so that a slow machine changes nothing.
"""

import ast
import gc
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from services.alerts.console.guard import local_path
from services.alerts.console.texts import preferred_locale
from services.ingest.domain.entities import Emitter
from services.ingest.domain.references import References
from services.ingest.domain.validation import judge
from services.ingest.gateways.phones import normalise_phone
from services.ingest.handlers.decoding import NotJson, decode_events
from services.notify.domain.addresses import is_deliverable
from services.notify.domain.destinations import BadDestination, destination_of
from services.notify.domain.letters import one_line
from services.profiles.domain.names import NameIndex
from shared.access import Directory
from shared.http import ApiError, decode_cursor
from tests.architecture.sources import PRODUCT, sources

Check = Callable[[str], object]

# Short first: what grows without bounds must not be asked about 64 KiB.
LENGTHS = (16, 24, 512, 8_192)
LONGEST = 65_536
# Less than this is noise, and no harm.
SECONDS = 0.003
UNITS = (
    "a", "0", " ", "@", ".", "-", "/", '"', "\\", "[", "{", "é", "张", "a@", "a.", "a-", "a ", "0 ", "0.", "1,", "aA0",
    "a:", '",', "=?",
)  # fmt: skip
ENDS = ("", "!")


def patterns() -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    """Every pattern that is compiled somewhere, by its place."""
    for file in sources(*PRODUCT):
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "re.compile":
                continue
            try:
                first = ast.literal_eval(node.args[0])
            except ValueError:
                continue  # made of other patterns, which are here as well
            flags = re.DOTALL if "DOTALL" in ast.unparse(node) else 0
            yield f"{file.path}:{node.lineno}", re.compile(first, flags)


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """One looks at everything the tests before left behind, for a third of a second, in whatever is measured."""
    gc.disable()
    yield
    gc.enable()


def seconds(check: Check, text: str) -> float:
    """The least of three, since others want the processor too."""
    taken = []
    for _ in range(3):
        began = time.thread_time()
        check(text)
        taken.append(time.thread_time() - began)
        if taken[-1] < SECONDS or taken[-1] > 100 * SECONDS:
            break
    return min(taken)


def grows_too_fast(check: Check) -> str | None:
    """The text whose price grows much faster than its length; None when there is none."""
    paid: dict[tuple[str, str], float] = {}
    for unit in UNITS:
        for end in ENDS:
            before = SECONDS, 1
            for length in LENGTHS:
                now = seconds(check, _text(unit, end, length))
                if now > SECONDS and now / before[0] > 4 * length / before[1]:
                    return f"{length} of {unit!r}, then {end!r}: {now:.4f} s"
                before = max(now, SECONDS), length
            paid[unit, end] = now
    for unit, end in sorted(paid, key=lambda one: paid[one])[-3:]:  # the dearest, at the length that matters
        now = seconds(check, _text(unit, end, LONGEST))
        if now > SECONDS and now / max(paid[unit, end], SECONDS) > 4 * LONGEST / LENGTHS[-1]:
            return f"{LONGEST} of {unit!r}, then {end!r}: {now:.4f} s"
    return None


def _text(unit: str, end: str, length: int) -> str:
    return (unit * (length // len(unit)))[: length - len(end)] + end


def checks_of(pattern: "re.Pattern[Any]") -> list[Check]:
    raw = isinstance(pattern.pattern, bytes)
    asked: list[Callable[[Any], object]] = [pattern.fullmatch, pattern.search]
    return [partial(lambda ask, text: ask(text.encode() if raw else text), ask) for ask in asked]


@pytest.mark.parametrize(("place", "pattern"), [pytest.param(*one, id=one[0]) for one in patterns()])
def test_no_pattern_of_ours_can_be_made_slow(place: str, pattern: "re.Pattern[Any]") -> None:
    found = [grows_too_fast(check) for check in checks_of(pattern)]
    assert found == [None, None], place


EMITTER, NOW = Emitter("shop", "shop"), datetime(2026, 1, 1, tzinfo=UTC)
REFERENCES = References(b"s" * 32, normalise_phone)
EVENT = {
    "specversion": "1.0", "id": "1", "source": "shop", "type": "customer.purchase", "subject": "shop:1",
    "time": "2026-01-01T00:00:00Z", "data": {"amount": "1", "currency": "USD"},
}  # fmt: skip
DATA = ("amount", "currency", "quantity", "order", "note")


def _judge(change: Callable[[str], dict[str, Any]], text: str) -> object:
    return judge({**EVENT, **change(text)}, EMITTER, now=NOW, references=REFERENCES)


def _in_data(name: str, text: str) -> dict[str, Any]:
    return {"data": {"amount": "1", "currency": "USD", name: text}}


def _refusing(check: Check, *errors: type[Exception]) -> Check:
    def checked(text: str) -> object:
        try:
            return check(text)
        except errors:
            return None

    return checked


def _attribute(name: str, text: str) -> dict[str, Any]:
    return {name: text}


CHECKS: dict[str, Check] = {
    **{f"event {name}": partial(_judge, partial(_attribute, name)) for name in EVENT},
    **{f"event data.{name}": partial(_judge, partial(_in_data, name)) for name in DATA},
    "event as bytes": _refusing(lambda text: decode_events(text.encode()), NotJson),
    "a key": Directory().find,
    "an address of mail": is_deliverable,
    "an address of a webhook": _refusing(lambda text: destination_of(f"https://{text}", frozenset()), BadDestination),
    "a name in a letter": one_line,
    "a name to look for": NameIndex(b"s" * 32).tokens_for,
    "a cursor": _refusing(decode_cursor, ApiError),
    "a path to go on to": local_path,
    "languages of a browser": lambda text: preferred_locale(None, text),
}


@pytest.mark.parametrize("name", CHECKS)
def test_no_check_of_ours_can_be_made_slow(name: str) -> None:
    assert grows_too_fast(CHECKS[name]) is None


@pytest.mark.parametrize("planted", [r"(a+)+", r"\s+$"])
def test_the_measurement_sees_what_is_slow(planted: str) -> None:
    assert any(map(grows_too_fast, checks_of(re.compile(planted))))
