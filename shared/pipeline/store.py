"""The three tables of every pipeline: progress, to_publish, dead_letters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from shared.pipeline.records import DeadLetter, PartitionProgress
from shared.postgres import Connection, Store, load_queries

SQL = Path(__file__).parent / "sql"
_QUERIES = load_queries(SQL / "queries.sql")


class PipelineStore(Store):
    """How far the service got, what it still owes, what it set aside. One transaction with the effects."""

    async def get_progress(self, topic: str, partitions: Sequence[int]) -> dict[int, PartitionProgress]:
        rows = await self.connection.fetch(_QUERIES.get_progress, topic, list(partitions))
        return {
            row["partition"]: PartitionProgress(row["partition"], row["next_offset"], row["anchor"]) for row in rows
        }

    async def upsert_progress(self, topic: str, progress: Sequence[PartitionProgress]) -> None:
        await self.connection.execute(
            _QUERIES.upsert_progress,
            topic,
            [entry.partition for entry in progress],
            [entry.next_offset for entry in progress],
            [entry.anchor for entry in progress],
        )

    async def get_settled(self, topics: Sequence[str]) -> dict[str, datetime]:
        """The last instants before which these topics are known to be complete."""
        rows = await self.connection.fetch(_QUERIES.get_settled, list(topics))
        return {row["topic"]: row["settled_at"] for row in rows}

    async def upsert_settled(self, topic: str, at: datetime) -> None:
        """The topic is complete up to `at`; an earlier instant changes nothing."""
        await self.connection.execute(_QUERIES.upsert_settled, topic, at)

    async def append_to_publish(self, versions: Mapping[str, int], *, delay_seconds: float = 0) -> None:
        """Owe the topic these entities, to be paid after `delay_seconds` at the earliest."""
        if versions:
            await self.connection.execute(
                _QUERIES.append_to_publish, list(versions), list(versions.values()), float(delay_seconds)
            )

    async def list_due_to_publish(self, limit: int) -> tuple[list[str], datetime | None]:
        """Entities owed by now, and the instant of asking by the database's clock (None when nothing is owed)."""
        rows = await self.connection.fetch(_QUERIES.list_due_to_publish, limit)
        return [str(row["entity_id"]) for row in rows], rows[0]["listed_at"] if rows else None

    async def get_oldest_owed(self) -> tuple[datetime, datetime | None]:
        """Now by the database's clock, and since when the topic has been owed what it has been owed longest."""
        row = await self.connection.fetchrow(_QUERIES.get_oldest_owed)
        return row["asked_at"], row["due_at"]

    async def delete_published(self, versions: Mapping[str, int], listed_at: datetime) -> None:
        """Strike off what was owed at `listed_at` up to these versions. What came to be owed since then stays: it was
        owed because a late record of somebody else may have come after ours."""
        await self.connection.execute(_QUERIES.delete_published, list(versions), list(versions.values()), listed_at)

    async def count_to_publish(self) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_to_publish))

    async def count_dead_letters(self) -> int:
        """Up to 10,000: more of them would make counting slow, and say nothing new."""
        return int(await self.connection.fetchval(_QUERIES.count_dead_letters))

    async def append_dead_letters(self, topic: str, letters: Sequence[DeadLetter], *, again: bool = False) -> None:
        """Set records aside. `again`: they were before, so that one which is no longer there was dealt with."""
        if letters and again:
            await self.connection.execute(
                _QUERIES.update_dead_letters,
                topic,
                [letter.partition for letter in letters],
                [letter.offset for letter in letters],
                [letter.fingerprint for letter in letters],
            )
        elif letters:
            await self.connection.execute(
                _QUERIES.append_dead_letters,
                topic,
                [letter.partition for letter in letters],
                [letter.offset for letter in letters],
                [letter.fingerprint for letter in letters],
                [letter.key for letter in letters],
                [letter.value for letter in letters],
                [letter.headers for letter in letters],
                [letter.recorded_at for letter in letters],
                [letter.reason.value for letter in letters],
                [letter.detail for letter in letters],
            )


async def append_to_publish(connection: Connection, versions: Mapping[str, int]) -> None:
    """Owe the topic these entities: call it in the transaction that changed them outside a batch's own records."""
    await PipelineStore(connection).append_to_publish(versions)
