"""Who gets which partitions when somebody joins."""

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from shared.kafka.subscription import create_assignor


class Cluster(ClusterMetadata):  # type: ignore[misc]  # the client library is untyped
    """Six partitions of one topic."""

    def topics(self, exclude_internal_topics: bool = True) -> set[str]:
        return {"profiles.v1"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(6))


def holding(topic: str, *partitions: int) -> ConsumerProtocolMemberAssignment:
    return ConsumerProtocolMemberAssignment(0, [(topic, list(partitions))], b"")


def test_members_keep_their_partitions_whatever_other_groups_of_their_processes_hold() -> None:
    one, another, new = create_assignor(), create_assignor(), create_assignor()
    one.on_assignment(holding("profiles.v1", 0, 1, 5))
    another.on_assignment(holding("profiles.v1", 2, 3, 4))
    # The other group of the same process.
    create_assignor().on_assignment(holding("scores.v1", 0, 3))
    members = {"one": one, "another": another, "new": new}
    shares = new.assign(Cluster(), {name: assignor.metadata(["profiles.v1"]) for name, assignor in members.items()})
    held = {name: set(share.assignment[0][1]) for name, share in shares.items()}
    assert held["one"] < {0, 1, 5}
    assert held["another"] < {2, 3, 4}
    assert [len(held[name]) for name in members] == [2, 2, 2]
