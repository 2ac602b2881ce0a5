"""Tells when partitions get another leader, whose log may lack what was read from the one before."""

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kafka.topics import Topic


def watch_leaders(consumer: AIOKafkaConsumer, topic: Topic, changed: Callable[[set[int]], None]) -> None:
    """Call `changed` with the partitions of the topic that have another leader than before, or none.

    It is called before anything is asked of the new leader. The library keeps what it knows of the cluster to itself.
    """
    cluster = consumer._client.cluster
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    leaders = {one.partition: cluster.leader_for_partition(one) for one in partitions}

    def look(known: Any) -> None:
        now = {one.partition: known.leader_for_partition(one) for one in partitions}
        if others := {number for number, leader in now.items() if leader != leaders[number]}:
            leaders.update(now)
            changed(others)

    cluster.add_listener(look)
