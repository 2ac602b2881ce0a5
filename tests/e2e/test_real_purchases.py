"""The CDNOW sample through the public API: shuffled, doubled, imported again; against a count by hand."""

import csv
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.feeds.client import InteractionsClient
from deploy.feeds.imports import import_purchases
from deploy.feeds.purchases import Layout, read_purchases
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.kafka.topics import PROFILES
from tests.support.canonical import hash_of, read_state
from tests.support.stack import ROOT, Lease
from tests.support.topics import last_per_key
from tests.support.world import World, open_world

SAMPLE = ROOT / "deploy" / "data" / "cdnow_sample.csv"
LAYOUT = Layout(namespace="cdnow", source="cdnow")
AFTERWARDS = datetime(1998, 7, 1, tzinfo=UTC)
ASKED_AT = datetime(1997, 9, 30, tzinfo=UTC)
OTHER_DAYS = (45, 133)
# The history of 18 months, three rules and every notification decided: on two cores that are not ours alone.
pytestmark = pytest.mark.timeout(300)
RULES = """
rules:
  - {id: no-purchase-90d, severity: warning, notify: [owner, customer],
     when: {absent: customer.purchase, longer_than: 90d}}
  - {id: no-purchase-45d, severity: info, notify: [owner], when: {absent: customer.purchase, longer_than: 45d}}
  - {id: no-purchase-133d, severity: info, notify: [], when: {absent: customer.purchase, longer_than: 133d}, grace: 2d}
  - {id: churn-risk-high, when: {score: churn_risk, band: high}, severity: critical, notify: [owner]}
"""


@pytest.fixture(scope="module")
async def world(
    stack: EmbeddedStack | ExternalStack, templates: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world that has been told all purchases in no order, one in ten twice."""
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, AFTERWARDS, rules=rules) as opened:
            events = [row.event for row in read_purchases(SAMPLE, LAYOUT) if row.event is not None]
            chance = random.Random(7)
            told = events + chance.sample(events, len(events) // 10)
            chance.shuffle(told)
            for begin in range(0, len(told), 500):
                await opened.post(told[begin : begin + 500])
            await opened.rest(seconds=100)
            yield opened
    finally:
        await lease.drop()


async def test_no_purchase_is_lost_or_counted_twice(world: World) -> None:
    """6,919 purchases of 2,357 customers, 244,091.94 dollars."""
    found = [one.data.aggregates for one in (await last_per_key(world.lease, PROFILES)).values()]
    assert len(found) == 2_357
    assert sum(one.purchases for one in found) == 6_919
    assert sum(Decimal(one.spend["USD"]) for one in found) == Decimal("244091.94")


async def test_1946_customers_had_been_silent_for_more_than_90_days(world: World) -> None:
    """At the end of September 1997, asked nine months later."""
    assert await open_at(world, 90, ASKED_AT) == 1_946


@pytest.mark.parametrize("days", [90, *OTHER_DAYS])
@pytest.mark.parametrize("at", [ASKED_AT, ASKED_AT + timedelta(seconds=1), datetime(1998, 2, 14, 12, tzinfo=UTC)])
async def test_any_day_count_and_instant_agrees_with_a_count_over_the_file(
    world: World, days: int, at: datetime
) -> None:
    """That knows nothing of alerts."""
    assert await open_at(world, days, at) == silent_at(days, at)


async def test_importing_everything_again_changes_nothing(world: World, tmp_path: Path) -> None:
    """Not one version, and no further mail."""
    before, versions, mails = await read_state(world.dsns), await versions_of(world), len(world.mailbox.messages)
    async with InteractionsClient(world.url("ingest"), world.key) as client:
        summary = await import_purchases(SAMPLE, LAYOUT, client, refused_path=tmp_path / "refused.csv")
    assert (summary.rows, summary.accepted, summary.refused) == (6_919, 6_919, 0)
    await world.rest(seconds=100)
    assert hash_of(await read_state(world.dsns)) == hash_of(before)
    assert await versions_of(world) == versions
    assert len(world.mailbox.messages) == mails


async def test_an_imported_history_mails_nobody_about_what_is_long_past(world: World) -> None:
    """Thousands of alerts, and a decision on each step of each; only what is a week old or younger was sent."""
    found = await world.get("alerts", "/v1/alerts", total="true", limit=1)
    assert found["total"] > 5_000
    sent = await world.get("notify", "/v1/notifications", status="sent", limit=1000)
    assert sent["items"]
    assert all(datetime.fromisoformat(one["cause_at"]) >= AFTERWARDS - timedelta(days=7) for one in sent["items"])
    assert len(world.mailbox.messages) == len(sent["items"])


async def open_at(world: World, days: int, at: datetime) -> int:
    found = await world.get(
        "alerts", "/v1/alerts", rule=f"no-purchase-{days}d", open_at=at.isoformat(), total="true", limit=1
    )
    total: int = found["total"]
    return total


async def versions_of(world: World) -> Mapping[str, int]:
    return {key: one.version for key, one in (await last_per_key(world.lease, PROFILES)).items()}


def silent_at(days: int, at: datetime) -> int:
    """Customers whose last purchase up to that instant was more than so many days before it."""
    bought: dict[str, list[datetime]] = defaultdict(list)
    with SAMPLE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            bought[row["customer_id"]].append(datetime.fromisoformat(row["purchased_on"]).replace(tzinfo=UTC))
    last = [max((one for one in times if one <= at), default=None) for times in bought.values()]
    return sum(one is not None and at - one > timedelta(days=days) for one in last)
