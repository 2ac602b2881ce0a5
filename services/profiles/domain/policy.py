"""How this service classifies: durations and thresholds out of policy.yaml, validated, with a version of its own.

The bounds below are not taste: shorter gaps than a week are not kept, and a history of 24 months must not hold more
than 200 lifecycle changes.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

DAY = timedelta(days=1)
UNITS = {"d": DAY, "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
DURATION = re.compile(r"([0-9]{1,9})([dhms])")
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
CURRENCY = re.compile(r"[A-Z]{3}")

SHAPE = {
    "lifecycle": ("new_for", "lapsing_after", "dormant_after", "churned_after", "won_back_for"),
    "behaviour": ("frequent_from",),
    "value": ("currency", "high_from", "mid_from"),
}
# At most 2, 3 and 5 changes each time a customer comes back from being lapsing, dormant and churned.
SHORTEST = {"lapsing_after": 8 * DAY, "dormant_after": 12 * DAY, "churned_after": 20 * DAY}
LONGEST = 3650 * DAY


class PolicyError(ValueError):
    """The policy cannot be used; `problems` names each field and what is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A valid policy. `version` is a short hash of its meaning: the same for `30d` and `720h`."""

    new_for: timedelta
    lapsing_after: timedelta
    dormant_after: timedelta
    churned_after: timedelta
    won_back_for: timedelta
    frequent_from: int
    currency: str
    high_from: Decimal
    mid_from: Decimal
    version: str


def parse_policy(content: object) -> Policy:
    """The policy that a parsed policy.yaml describes. Raises PolicyError with every problem found."""
    problems: list[str] = []
    fields = _fields(content, problems)
    durations = {name: _duration(name, fields, problems) for name in SHAPE["lifecycle"]}
    amounts = {name: _amount(name, fields, problems) for name in ("high_from", "mid_from")}
    frequent_from = fields.get("frequent_from", 2)
    if type(frequent_from) is not int or frequent_from < 2:
        problems.append("behaviour.frequent_from: must be a whole number of purchase days, at least 2")
    currency = fields.get("currency", "USD")
    if type(currency) is not str or not CURRENCY.fullmatch(currency):
        problems.append("value.currency: must be three capital letters, like USD")
    if not problems:
        _check_order(durations, amounts, problems)
    if problems:
        raise PolicyError(problems)
    seconds = {name: duration.total_seconds() for name, duration in durations.items()}
    worth = {name: str(amount.normalize()) for name, amount in amounts.items()}
    meaning = {**seconds, **worth, "frequent_from": frequent_from, "currency": currency}
    return Policy(
        new_for=durations["new_for"],
        lapsing_after=durations["lapsing_after"],
        dormant_after=durations["dormant_after"],
        churned_after=durations["churned_after"],
        won_back_for=durations["won_back_for"],
        frequent_from=frequent_from,
        currency=currency,
        high_from=amounts["high_from"],
        mid_from=amounts["mid_from"],
        version=hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12],
    )


def _fields(content: object, problems: list[str]) -> dict[str, Any]:
    """All fields by name; sections and fields that are missing or unknown become problems."""
    if not isinstance(content, Mapping):
        problems.append("policy: must hold the sections " + ", ".join(SHAPE))
        return {}
    found: dict[str, Any] = {}
    sections = ", ".join(SHAPE)
    problems += [f"{section}: unknown section, known are {sections}" for section in content if section not in SHAPE]
    for section, names in SHAPE.items():
        fields = content.get(section)
        if not isinstance(fields, Mapping):
            problems.append(f"{section}: missing, must hold {', '.join(names)}")
            continue
        problems += [f"{section}.{name}: unknown, known are {', '.join(names)}" for name in fields if name not in names]
        problems += [f"{section}.{name}: missing" for name in names if name not in fields]
        found.update((name, fields[name]) for name in names if name in fields)
    return found


def _duration(name: str, fields: Mapping[str, Any], problems: list[str]) -> timedelta:
    """The duration in field `name`, like 30d, 12h, 90m or 45s."""
    if name not in fields:
        return DAY
    match = DURATION.fullmatch(fields[name]) if isinstance(fields[name], str) else None
    duration = int(match[1]) * UNITS[match[2]] if match else timedelta(0)
    shortest = SHORTEST.get(name, timedelta(seconds=1))
    if match is None:
        problems.append(f"lifecycle.{name}: must be a duration like 30d, 12h, 90m or 45s")
    elif not shortest <= duration <= LONGEST:
        problems.append(f"lifecycle.{name}: must be from {_days(shortest)} to {_days(LONGEST)}")
    return duration


def _amount(name: str, fields: Mapping[str, Any], problems: list[str]) -> Decimal:
    """The amount in field `name`: a decimal string or a whole number, never a float."""
    value = fields.get(name, 0)
    text = str(value) if type(value) in (int, str) else ""
    if not AMOUNT.fullmatch(text):
        problems.append(f'value.{name}: must be an amount in quotes, like "200" or "49.90"')
        return Decimal(0)
    return Decimal(text)


def _check_order(durations: Mapping[str, timedelta], amounts: Mapping[str, Decimal], problems: list[str]) -> None:
    """What only makes sense in one order."""
    for longer, shorter in (("dormant_after", "lapsing_after"), ("churned_after", "dormant_after")):
        if durations[longer] <= durations[shorter]:
            problems.append(f"lifecycle.{longer}: must be longer than {shorter}")
    problems += [
        f"lifecycle.{name}: must not be longer than lapsing_after"
        for name in ("new_for", "won_back_for")
        if durations[name] > durations["lapsing_after"]
    ]
    if amounts["mid_from"] > amounts["high_from"]:
        problems.append("value.mid_from: must not be more than high_from")


def _days(duration: timedelta) -> str:
    return f"{duration // DAY}d" if duration >= DAY else f"{duration // UNITS['s']}s"
