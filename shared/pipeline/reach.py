"""How far this process has come with a topic, known without asking anybody."""

from collections.abc import Callable, Iterable, Mapping

from shared.pipeline.records import PartitionProgress


class Reach:
    """Next offsets, by partition, of the partitions that are ours.

    Below `stored` everything is in the database, below `published` its effects are on the topic. While a partition is
    ours nobody else moves either.
    """

    def __init__(self, partitions: int) -> None:
        self.stored: dict[int, int] = {}
        self.published: dict[int, int] = {}
        self.moved: Callable[[], None] | None = None
        self._partitions = partitions

    @property
    def is_whole(self) -> bool:
        """All partitions of the topic are ours."""
        return len(self.stored) == self._partitions

    def begin(self, stored: Mapping[int, int], published: Mapping[int, int]) -> None:
        """These partitions are ours from now on."""
        self.stored, self.published = dict(stored), dict(published)
        self._tell()

    def end(self) -> None:
        """Nothing is ours any more."""
        self.stored, self.published = {}, {}

    def restart(self, partition: int) -> None:
        """Its log is another one, and is read from the start."""
        _take(self.stored, [(partition, 0)])
        _take(self.published, [(partition, 0)])

    def store(self, progress: Iterable[PartitionProgress]) -> None:
        """So far the database says now."""
        _take(self.stored, ((entry.partition, entry.next_offset) for entry in progress))
        self._tell()

    def publish(self, progress: Iterable[PartitionProgress]) -> None:
        """So far the effects are acknowledged, in this order for each partition."""
        _take(self.published, ((entry.partition, entry.next_offset) for entry in progress))
        self._tell()

    def _tell(self) -> None:
        if self.moved is not None:
            self.moved()


def _take(reached: dict[int, int], moved: Iterable[tuple[int, int]]) -> None:
    """What is no longer ours is left out: somebody else moves it."""
    reached.update((partition, offset) for partition, offset in moved if partition in reached)
