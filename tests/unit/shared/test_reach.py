"""How far a process has come with its partitions, as it knows by itself."""

from shared.pipeline.reach import Reach
from shared.pipeline.records import PartitionProgress


def progress(*entries: tuple[int, int]) -> list[PartitionProgress]:
    return [PartitionProgress(partition, offset, 0) for partition, offset in entries]


def test_it_is_whole_only_while_every_partition_is_ours() -> None:
    reach = Reach(2)
    assert not reach.is_whole
    reach.begin({0: 5}, {0: 5})
    assert not reach.is_whole
    reach.begin({0: 5, 1: 0}, {0: 5, 1: 0})
    assert reach.is_whole
    reach.end()
    assert not reach.is_whole


def test_what_is_stored_late_of_a_partition_that_left_says_nothing() -> None:
    reach = Reach(2)
    reach.begin({0: 5}, {0: 3})
    reach.store(progress((0, 9), (1, 7)))
    reach.publish(progress((0, 8), (1, 7)))
    assert (reach.stored, reach.published) == ({0: 9}, {0: 8})


def test_another_log_under_the_same_name_is_not_reached_at_all() -> None:
    reach = Reach(2)
    reach.begin({0: 5, 1: 6}, {0: 5, 1: 6})
    reach.restart(0)
    assert (reach.stored, reach.published) == ({0: 0, 1: 6}, {0: 0, 1: 6})


def test_whoever_waits_is_told_of_each_step() -> None:
    told: list[str] = []
    reach = Reach(1)
    reach.moved = lambda: told.append("moved")
    reach.begin({0: 0}, {0: 0})
    reach.store(progress((0, 1)))
    reach.publish(progress((0, 1)))
    assert told == ["moved"] * 3
