"""The tally service's surroundings: own topics, own database."""

import pytest

from shared.kafka.connection import KafkaConnection
from tests.support.stack import Lease
from tests.support.tally.bench import Bench


@pytest.fixture
async def bench(lease: Lease) -> Bench:
    connection = KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tally")
    bench = Bench(lease, connection, await lease.dsn("tally"))
    await bench.create_topics()
    return bench
