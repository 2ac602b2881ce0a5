"""The known totals of the CDNOW sample come out of the fold."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from services.profiles.domain.entities import Customer
from services.profiles.domain.profiles import recompute
from tests.unit.profiles.facts import Told, policy

SAMPLE = Path(__file__).parents[3] / "deploy" / "data" / "cdnow_sample.csv"
END = datetime(1998, 7, 1, tzinfo=UTC)


def customers() -> list[Customer]:
    facts: dict[str, list[Told]] = defaultdict(list)
    with SAMPLE.open() as rows:
        for n, row in enumerate(csv.DictReader(rows)):
            time = datetime.fromisoformat(row["purchased_on"]).replace(tzinfo=UTC)
            data = {"amount": row["amount_usd"], "currency": "USD"}
            reference = f"cdnow:{row['customer_id']}"
            facts[reference].append(Told("customer.purchase", time, f"{n:05}", data, subject=reference))
    return [recompute(reference, [reference], told, policy(), END) for reference, told in facts.items()]


def test_purchases_spend_and_silences_of_the_sample_are_the_known_ones() -> None:
    everyone = customers()
    assert len(everyone) == 2357
    assert sum(one.aggregates.purchases for one in everyone) == 6919
    assert sum(Decimal(one.aggregates.spend["USD"]) for one in everyone) == Decimal("244091.94")

    instant, silence = datetime(1997, 9, 30, tzinfo=UTC), timedelta(days=90)
    open_then = 0
    for one in everyone:
        closed = [(gap.since, gap.until) for gap in one.history.purchase_gaps]
        last = one.aggregates.last_purchase_at
        assert last is not None
        open_then += any(
            since + silence < instant and instant < until and since + silence < until
            for since, until in [*closed, (last, END)]
        )
    assert open_then == 1946
