"""A world of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.builders import day
from tests.support.stack import Lease
from tests.support.timeline import Timeline
from tests.support.world import World, open_world


@pytest.fixture
async def world(lease: Lease) -> AsyncIterator[World]:
    async with open_world(lease, day(0)) as opened:
        yield opened


@pytest.fixture
def story(world: World) -> Timeline:
    """The story of shop:jo."""
    return Timeline(world, "shop:jo")
