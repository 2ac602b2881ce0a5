"""Clocks that differ from process to process, and that are set back: what is decided does not depend on them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.kafka.topics import ALERTS, PROFILES
from tests.integration.whole.looking import all_dead_letters, customer, event, versions
from tests.support.builders import DAY, day
from tests.support.stack import Lease
from tests.support.world import World, open_world

MINUTE = timedelta(minutes=1)
SKEW = {
    "ingest": 4 * MINUTE,  # five behind, and it would refuse as future what happens now
    "profiles": -10 * MINUTE,
    "scoring": 10 * MINUTE,
    "alerts": -7 * MINUTE,
    "notify": 10 * MINUTE,
}
WHO = "shop:skewed"


@pytest.fixture
async def world(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[World]:
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(0), skew=SKEW) as opened:
            yield opened
    finally:
        await lease.drop()


async def test_a_silence_is_found_at_its_instant_and_once_whatever_the_clocks_say(world: World) -> None:
    """Minutes apart, and set back by ten in the middle: one alert, one word to the owner, versions only rise."""
    bought = world.clock.now()
    await world.post([event("first", WHO, bought)])
    await world.rest()
    over = bought + 90 * DAY + 60 * MINUTE
    world.clock.move_to(over)
    await world.rest()
    who = (await customer(world, WHO))["customer_id"]
    [alert] = (await world.get("alerts", "/v1/alerts", customer_id=who, rule="no-purchase-90d"))["items"]
    assert (alert["condition"], datetime.fromisoformat(alert["fired_at"])) == ("firing", bought + 90 * DAY)
    mails = len(world.mailbox.messages)
    assert mails == 1
    world.clock.move_to(over - 10 * MINUTE)
    await world.post([event("first", WHO, bought), event("second", WHO, world.clock.now())])
    await world.rest()
    world.clock.move_to(over)
    await world.rest()
    [alert] = (await world.get("alerts", "/v1/alerts", customer_id=who, rule="no-purchase-90d"))["items"]
    assert (alert["condition"], datetime.fromisoformat(alert["resolved_at"])) == ("resolved", over - 10 * MINUTE)
    assert [act["act"] for act in alert["history"]] == ["fired", "resolved"]
    assert len(world.mailbox.messages) == mails + 1, "the owner hears that it is over"
    assert (await customer(world, WHO))["aggregates"]["purchases"] == 2
    for topic in (PROFILES, ALERTS):
        found = [version for key, version in await versions(world, topic, WHO) if key]
        assert found == sorted(found), topic.name
    assert not any((await all_dead_letters(world)).values())
