"""Who is told that a partition has another leader."""

from types import SimpleNamespace

from aiokafka.cluster import ClusterMetadata
from aiokafka.structs import PartitionMetadata

from shared.kafka.leaders import watch_leaders
from shared.kafka.topics import INTERACTIONS


def metadata(cluster: ClusterMetadata, leaders: dict[int, int]) -> None:
    """The brokers answer so, and whoever listens is told."""
    name = INTERACTIONS.name
    cluster._partitions = {name: {n: PartitionMetadata(name, n, leader, [], [], 0) for n, leader in leaders.items()}}
    for listener in list(cluster._listeners):
        listener(cluster)


def test_another_leader_is_told_and_so_is_none_and_so_is_the_same_one_again() -> None:
    cluster = ClusterMetadata()
    everybody = dict.fromkeys(range(INTERACTIONS.partitions), 1)
    metadata(cluster, everybody)
    told: list[set[int]] = []
    watch_leaders(SimpleNamespace(_client=SimpleNamespace(cluster=cluster)), INTERACTIONS, told.append)
    for answer in (everybody, everybody | {3: 2}, everybody | {3: 2}, {**everybody, 3: 2, 0: -1}, everybody | {3: 2}):
        metadata(cluster, answer)
    assert told == [{3}, {0}, {0}]


def test_a_topic_that_goes_and_comes_back_has_other_leaders() -> None:
    cluster = ClusterMetadata()
    everybody = dict.fromkeys(range(INTERACTIONS.partitions), 1)
    metadata(cluster, everybody)
    told: list[set[int]] = []
    watch_leaders(SimpleNamespace(_client=SimpleNamespace(cluster=cluster)), INTERACTIONS, told.append)
    metadata(cluster, {})
    metadata(cluster, everybody)
    assert told == [set(everybody), set(everybody)]
