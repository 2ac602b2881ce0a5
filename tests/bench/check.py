"""Whether a contender's results are right: its store, and the last record per customer, against the truth."""

from collections.abc import Callable, Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.bench.workload import PARTITIONS, Total


class WrongResult(Exception):
    """A contender that computes something else is not slow or fast, it is wrong."""


async def read_store(dsn: str, statement: str) -> dict[str, Total]:
    """Totals by reference as the contender stored them."""
    connection = await asyncpg.connect(dsn)
    try:
        return {reference: Total(*rest) for reference, *rest in await connection.fetch(statement)}
    finally:
        await connection.close()


async def end_of(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    """The next offset of every partition."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False) as consumer:
        return dict(await consumer.end_offsets(partitions))


async def read_output(
    bootstrap: str, begin: Mapping[TopicPartition, int], published: Callable[[bytes], tuple[str, Total] | None]
) -> tuple[dict[str, Total], int]:
    """What the last record of every key says, and how many records there are, from `begin` to the end of now."""
    last: dict[bytes, bytes] = {}
    count = 0
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
    ) as consumer:
        consumer.assign(list(begin))
        end = await consumer.end_offsets(list(begin))
        for partition, offset in begin.items():
            consumer.seek(partition, offset)
        while any([await consumer.position(partition) < offset for partition, offset in end.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                count += len(records)
                last.update((record.key, record.value) for record in records if record.key and record.value)
    return dict(filter(None, map(published, last.values()))), count


def compare(what: str, found: Mapping[str, Total], truth: Mapping[str, Total]) -> None:
    """Raises WrongResult with the first differences in words."""
    wrong = [key for key in truth.keys() | found.keys() if truth.get(key) != found.get(key)]
    if not wrong:
        return
    counted, due = (sum(total.interactions for total in side.values()) for side in (found, truth))
    examples = "; ".join(f"{key}: {found.get(key)} instead of {truth.get(key)}" for key in sorted(wrong)[:3])
    raise WrongResult(
        f"{what} is wrong for {len(wrong):,} of {len(truth):,} customers, "
        f"{counted:,} interactions instead of {due:,} ({examples})"
    )
