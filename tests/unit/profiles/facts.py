"""Facts and a policy to try the profiles domain with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.profiles.domain.entities import Customer, Fact
from services.profiles.domain.policy import Policy, parse_policy
from services.profiles.domain.profiles import recompute

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
REFERENCE = "shop:1"

CONTENT: dict[str, dict[str, Any]] = {
    "lifecycle": {
        "new_for": "30d",
        "lapsing_after": "60d",
        "dormant_after": "120d",
        "churned_after": "180d",
        "won_back_for": "30d",
    },
    "behaviour": {"frequent_from": 5},
    "value": {"currency": "USD", "high_from": "200", "mid_from": "50"},
}


@dataclass(frozen=True)
class Opened:
    """Personal data that can be read."""

    value: dict[str, Any]


@dataclass(frozen=True)
class Told:
    """An interaction as the fold sees it."""

    type: str
    time: datetime
    id: str
    data: dict[str, Any] = field(default_factory=dict)
    pii: Opened | None = None
    source: str = "urn:shop"
    subject: str = REFERENCE


def at(days: float) -> datetime:
    """The instant `days` after the start."""
    return START + days * DAY


def told(type: str, days: float, id: str = "", **data: Any) -> Told:
    """An interaction `days` after the start; the id follows the time unless given."""
    return Told(f"customer.{type}", at(days), id or f"{type}-{days:09.3f}", data)


def purchase(days: float, amount: str | None = "10.00", id: str = "", currency: str = "USD") -> Told:
    """A purchase `days` after the start."""
    data = {} if amount is None else {"amount": amount, "currency": currency}
    return told("purchase", days, id, **data)


def policy() -> Policy:
    """The policy of the examples."""
    return parse_policy(CONTENT)


def customer(*facts: Fact, now: float = 0) -> Customer:
    """What the facts make of a customer, `now` days after the start."""
    return recompute("c-1", [REFERENCE], facts, policy(), at(now))
