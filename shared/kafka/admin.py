"""Makes the broker's topics what the registry says, and refuses to start when they are something else."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import ConfigurationError, TransientError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import Topic

# From this many copies on, one may be away and a record is still in two places before it counts as acknowledged.
_SAFE_COPIES = 3


async def ensure_topics(connection: KafkaConnection, topics: Sequence[Topic], *, replication_factor: int = 1) -> None:
    """Create what is missing, then compare partitions and clean-up policy with the registry.

    Of three copies or more two must have a record before it is acknowledged, whatever the brokers' own default is.
    Raises TransientError while the brokers are away, ConfigurationError when a topic differs: another number of
    partitions would move keys, and another clean-up policy would lose records.
    """
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        await create_missing(admin, topics, replication_factor)
        await _compare(admin, topics)
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer at {connection.bootstrap}: {error!r}") from error
    finally:
        await admin.close()


async def create_missing(admin: AIOKafkaAdminClient, topics: Sequence[Topic], replication_factor: int) -> None:
    """Raises KafkaError when one cannot be made, for instance because there are fewer brokers than copies."""
    existing = set(await admin.list_topics())
    copies = {"min.insync.replicas": "2"} if replication_factor >= _SAFE_COPIES else {}
    missing = [
        NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=topic.config() | copies)
        for topic in topics
        if topic.name not in existing
    ]
    if not missing:
        return
    answer = await admin.create_topics(missing)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(name)


async def _compare(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    described = {found["topic"]: found for found in await admin.describe_topics([topic.name for topic in topics])}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    policies: dict[str, str] = {}
    for response in await admin.describe_configs(resources):
        for *_, name, entries in response.resources:
            policies.update((name, entry[1]) for entry in entries if entry[0] == "cleanup.policy")
    for topic in topics:
        found = described.get(topic.name)
        if found is None or found["error_code"] or topic.name not in policies:  # a new topic takes a moment
            raise TransientError(f"topic {topic.name} is not there yet")
        if len(found["partitions"]) != topic.partitions:
            raise ConfigurationError(
                f"topic {topic.name} has {len(found['partitions'])} partitions where the registry says "
                f"{topic.partitions}; recreate it, or keys will be looked for on the wrong partition"
            )
        if policies[topic.name] != topic.cleanup:
            raise ConfigurationError(
                f"topic {topic.name} has cleanup.policy={policies[topic.name]} where the registry says "
                f"{topic.cleanup}; set it with kafka-configs"
            )
