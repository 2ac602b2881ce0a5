"""One world for all of these tests: starting it costs seconds, and every test has customers of its own."""

from collections.abc import AsyncIterator

import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from tests.support.builders import day
from tests.support.stack import Lease
from tests.support.world import World, open_world


@pytest.fixture(scope="package")
async def world(stack: EmbeddedStack | ExternalStack, templates: dict[str, str]) -> AsyncIterator[World]:
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, day(1_000)) as opened:
            yield opened
    finally:
        await lease.drop()
