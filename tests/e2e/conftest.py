"""One world for the tests of a module: starting it costs seconds, and every story has a customer of its own."""

import itertools
from collections.abc import AsyncIterator

import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from tests.support.builders import DAY, day
from tests.support.stack import Lease
from tests.support.timeline import Timeline
from tests.support.world import World, open_world

_names = itertools.count(1)


@pytest.fixture(scope="module")
async def world(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[World]:
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(0)) as opened:
            yield opened
    finally:
        await lease.drop()


@pytest.fixture
async def story(world: World) -> Timeline:
    """The story of a new customer, whose day 0 begins a month after the story before ended."""
    await world.move_to(world.clock.now() + 30 * DAY)
    world.mailbox.messages.clear()
    return Timeline(world, f"shop:jo{next(_names)}")
