"""Dead letters of all five services, read and mended in the services' own databases.

Not through HTTP routes of the services: dead letters matter most while a service is down or a bad release runs, and
raw records, which hold personal data, are better not served by five APIs. Whoever may mend them has the five DSNs (in
containers: the environment of the `ebbtide` command), and one code path serves every stack.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from deploy.operation.installation import Installation
from deploy.operation.store import FullLetter, Letter, LetterId, OperatorStore
from deploy.stack.databases import SERVICES
from services.alerts.store import AlertsStore
from services.notify.store import NotifyStore
from services.profiles.store import ProfileStore
from services.scoring.store import ScoringStore
from shared.errors import ConfigurationError
from shared.kafka.resending import Resender, open_resender
from shared.kafka.topics import Topic
from shared.pipeline import SnapshotStore, append_to_publish
from shared.postgres import Connection

# Who holds the state that a topic of snapshots carries.
_WRITERS: Mapping[str, Callable[[Connection], SnapshotStore]] = {
    "profiles": ProfileStore,
    "scoring": ScoringStore,
    "alerts": AlertsStore,
    "notify": NotifyStore,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which dead letters. What is not given selects all."""

    service: str | None = None
    topic: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one letter. `how`: sent_again (as it was), owed (its owner publishes its current state), or kept,
    with a sentence that says why."""

    id: LetterId
    how: str
    detail: str


async def list_letters(installation: Installation, selection: Selection, limit: int) -> tuple[list[Letter], int]:
    """The newest failures, at most `limit`, and how many there are in all."""
    found: list[Letter] = []
    total = 0
    for service in [selection.service] if selection.service else SERVICES:
        async with installation.database(service) as database, database.connection() as connection:
            store = OperatorStore(connection)
            total += await store.count_dead_letters(topic=selection.topic, reason=selection.reason)
            found += await store.list_dead_letters(service, topic=selection.topic, reason=selection.reason, limit=limit)
    return sorted(found, key=lambda letter: letter.last_failed_at, reverse=True)[:limit], total


async def get_letter(installation: Installation, wanted: LetterId) -> FullLetter:
    """One with its record. Raises ConfigurationError when there is none of this id."""
    if wanted.service not in SERVICES:
        raise ConfigurationError(f"There is no service {wanted.service}: use one of {', '.join(SERVICES)}.")
    async with installation.database(wanted.service) as database, database.connection() as connection:
        letter = await OperatorStore(connection).get_dead_letter(wanted)
    if letter is None:
        raise ConfigurationError(f"There is no dead letter {wanted}: it was replayed or dropped, or never was.")
    return letter


async def drop_letter(installation: Installation, wanted: LetterId) -> bool:
    """Forget it. False when it was gone already."""
    async with installation.database(wanted.service) as database, database.connection() as connection:
        return await OperatorStore(connection).delete_dead_letter(wanted)


async def replay_letters(installation: Installation, wanted: Sequence[LetterId]) -> list[Replayed]:
    """Hand each to its service again, then forget it; in this order, so that a crash in between only repeats.

    What still cannot be handled comes back as a new dead letter. Raises TransientError while Kafka is away.
    """
    done = []
    async with open_resender(installation.kafka) as resender:
        for one in wanted:
            letter = await get_letter(installation, one)
            replayed = await _replay(installation, resender, letter)
            if replayed.how != "kept":
                await drop_letter(installation, one)
            done.append(replayed)
    return done


async def _replay(installation: Installation, resender: Resender, letter: FullLetter) -> Replayed:
    topic = installation.topic(letter.id.topic)
    if topic is None:
        return _kept(letter, f"this version knows no topic {letter.id.topic}; is KAFKA_TOPIC_PREFIX set as it was?")
    if topic.cleanup == "compact":
        return await _owe(installation, topic, letter)
    if not letter.key or not letter.value:
        return _kept(letter, "a record without a key or without a value can never be handled: drop it")
    offset = await resender.send(topic.name, letter.key, letter.value, letter.headers)
    return Replayed(letter.id, "sent_again", f"now at the end of {topic.name}, offset {offset}")


async def _owe(installation: Installation, topic: Topic, letter: FullLetter) -> Replayed:
    """An old snapshot sent again would stay the last of its key, for whoever reads the topic anew. Its owner publishes
    what it holds now, which is that snapshot or a newer one."""
    entity = _entity(letter.key)
    versions: Mapping[str, int] = {}
    if entity and topic.writer in _WRITERS:
        async with installation.database(topic.writer) as database, database.transaction() as connection:
            versions = await _WRITERS[topic.writer](connection).get_versions([entity])
            await append_to_publish(connection, versions)
    if not versions:
        return _kept(letter, f"{topic.writer}, which writes {topic.name}, holds nothing under its key: drop it")
    return Replayed(letter.id, "owed", f"{topic.writer} publishes the current state of {entity}")


def _entity(key: bytes | None) -> str | None:
    """The key as the id of an entity; foreign records may have any key."""
    try:
        return str(UUID((key or b"").decode("ascii")))
    except ValueError:
        return None


def _kept(letter: FullLetter, why: str) -> Replayed:
    return Replayed(letter.id, "kept", why)
