"""Looks at the brokers without changing anything: topics as they are, and how far behind a reader is."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.kafka.connection import KafkaConnection

_READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the brokers have it; `thin` partitions have fewer copies in step than they should.

    `copies` of each partition there are to be, `acknowledged` of which must have a record before it counts as written.
    `unclean`: a copy that lacks records may become the one that counts.
    """

    partitions: int
    cleanup: str
    thin: int
    copies: int
    acknowledged: int
    unclean: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """Records between an offset and the end, and when the oldest of them was written (None: nothing, or not read)."""

    records: int
    oldest_at: datetime | None


async def describe(connection: KafkaConnection, names: Sequence[str]) -> dict[str, TopicState]:
    """The topics of these names that exist. Raises TransientError when the brokers do not answer."""
    admin = AIOKafkaAdminClient(**connection.client_options(), request_timeout_ms=5_000)
    try:
        await admin.start()
        present = sorted(set(names) & set(await admin.list_topics()))
        described = await admin.describe_topics(present) if present else []
        settings: dict[str, dict[str, str]] = {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in present]
        for response in await admin.describe_configs(resources) if resources else []:
            for *_, name, entries in response.resources:
                settings[name] = {entry[0]: entry[1] for entry in entries}
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {connection.bootstrap}: {error!r}") from error
    finally:
        await admin.close()
    return {
        found["topic"]: TopicState(
            partitions=len(found["partitions"]),
            cleanup=settings.get(found["topic"], {}).get("cleanup.policy", "?"),
            thin=sum(len(one["isr"]) < len(one["replicas"]) for one in found["partitions"]),
            copies=min((len(one["replicas"]) for one in found["partitions"]), default=0),
            acknowledged=int(settings.get(found["topic"], {}).get("min.insync.replicas", 1)),
            unclean=settings.get(found["topic"], {}).get("unclean.leader.election.enable") == "true",
        )
        for found in described
    }


async def backlogs(connection: KafkaConnection, wanted: Sequence[tuple[str, Mapping[int, int]]]) -> list[Backlog]:
    """For each (topic, partition to next offset): how much lies behind those offsets. The topics must exist.

    Belongs to no group and commits nothing. Raises TransientError when the brokers do not answer.
    """
    if not wanted:
        return []
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        return [await _backlog(consumer, topic, offsets) for topic, offsets in wanted]
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {connection.bootstrap}: {error!r}") from error
    finally:
        await consumer.stop()


async def _backlog(consumer: AIOKafkaConsumer, topic: str, offsets: Mapping[int, int]) -> Backlog:
    partitions = [TopicPartition(topic, number) for number in offsets]
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    starts = {one: max(offsets[one.partition], begins[one]) for one in partitions}
    behind = [one for one in partitions if starts[one] < ends[one]]
    if not behind:
        return Backlog(0, None)
    consumer.assign(behind)
    for one in behind:
        consumer.seek(one, starts[one])
    oldest: list[int] = []
    for one in behind:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                record = await consumer.getone(one)
        except TimeoutError:  # compaction or a transaction marker: there is nothing to read up to the end
            continue
        oldest.append(record.timestamp)
    at = datetime.fromtimestamp(min(oldest) / 1000, UTC) if oldest else None
    return Backlog(sum(ends[one] - starts[one] for one in behind), at)
