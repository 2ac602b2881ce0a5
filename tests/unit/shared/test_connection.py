"""How operators name brokers is how clients are told."""

import pytest

from shared.kafka.broker import create_broker
from shared.kafka.connection import KafkaConnection


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("one:9092", ["one:9092"]),
        ("one:9092,two:9092, three:9092", ["one:9092", "two:9092", "three:9092"]),
        ("one:9092,", ["one:9092"]),
    ],
)
def test_several_brokers_are_several_addresses(said: str, asked: list[str]) -> None:
    """The client library takes a text with commas for the name of one host."""
    connection = KafkaConnection(bootstrap=said, client_id="tests")
    assert connection.client_options()["bootstrap_servers"] == asked
    assert list(create_broker(connection).specification.url) == asked
