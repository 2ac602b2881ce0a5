"""The rule on real purchases, against a count by hand."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.alerts.domain.entities import Alert
from services.alerts.domain.rulings import Ruling
from tests.unit.alerts.histories import Book, purchased, rule

SAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "data" / "cdnow_sample.csv"
ASKED_AT = datetime(1997, 9, 30, tzinfo=UTC)
NOW = datetime(1998, 7, 1, tzinfo=UTC)

Purchases = dict[str, list[datetime]]


@pytest.fixture(scope="module")
def customers() -> Purchases:
    found: Purchases = defaultdict(list)
    with SAMPLE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["customer_id"]].append(datetime.fromisoformat(row["purchased_on"]).replace(tzinfo=UTC))
    return found


def alerts_of(customers: Purchases, days: int, grace: str) -> list[Alert]:
    ruling = Ruling(rule(when={"absent": "customer.purchase", "longer_than": f"{days}d"}, grace=grace), "v1")
    found: list[Alert] = []
    for purchases in customers.values():
        book = Book(ruling)
        book.decide(purchased(*purchases, since=datetime(1996, 1, 1, tzinfo=UTC)), NOW)
        found.extend(book.alerts.values())
    return found


def open_at(alerts: list[Alert], t: datetime) -> int:
    return sum(one.fired_at < t and (one.resolved_at is None or t < one.resolved_at) for one in alerts)


def test_1946_of_2357_customers_had_been_silent_for_more_than_90_days(customers: Purchases) -> None:
    """The figure of the published sample at the end of September 1997."""
    assert len(customers) == 2_357
    assert open_at(alerts_of(customers, 90, "0s"), ASKED_AT) == 1_946


@pytest.mark.parametrize(("days", "grace"), [(30, "0s"), (45, "36h"), (60, "0s"), (120, "5d")])
def test_other_day_counts_and_graces_are_exact_as_well(customers: Purchases, days: int, grace: str) -> None:
    """Against a count that knows nothing of spells."""
    alerts = alerts_of(customers, days, grace)
    for t in (ASKED_AT, ASKED_AT + timedelta(hours=1), datetime(1998, 1, 1, tzinfo=UTC)):
        last = [max((one for one in bought if one <= t), default=t) for bought in customers.values()]
        assert open_at(alerts, t) == sum(t - one > timedelta(days=days) for one in last)
