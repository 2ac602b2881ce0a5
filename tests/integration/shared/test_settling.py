"""What follows from silence waits for what is under way: marks from topic to topic, on a real broker and database."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from services.profiles.app import build
from services.profiles.settings import Settings
from shared.application import Application
from shared.contracts import Settled, Snapshot
from shared.ids import customer_id_of
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.reader import follow_topic
from shared.kafka.topics import INTERACTIONS, PROFILES, SETTLED, Topic
from shared.pipeline import PipelineStore
from shared.pipeline.reach import Reach
from shared.pipeline.records import PartitionProgress
from shared.pipeline.settling import Marks, Settling
from shared.postgres import Database
from tests.support.builders import day, interaction, record
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, Lease, running
from tests.support.topics import last_per_key, publish, read_all
from tests.support.waiting import eventually

ONE = "shop:1"


async def service(lease: Lease, clock: ManualClock) -> Application:
    return build(Settings(**await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml")), clock=clock)


def snapshot(topic: str, at: datetime, next_offsets: Sequence[int]) -> bytes:
    """A mark as ingest would set it."""
    data = Settled(topic=topic, at=at, next_offsets=tuple(next_offsets))
    return msgspec.json.encode(
        Snapshot(id=topic, source="tests", type="ebbtide.settled", subject=topic, time=at, version=1, data=data)
    )


async def set_mark(lease: Lease, at: datetime, next_offsets: Sequence[int]) -> None:
    name = lease.prefix + INTERACTIONS.name
    await publish(lease, SETTLED, [(name.encode(), snapshot(name, at, next_offsets))])


async def ends(app: Application) -> list[int]:
    return list(await app._offsets.ends(app.topic(INTERACTIONS)))


async def lifecycle(lease: Lease) -> str | None:
    found = (await last_per_key(lease, PROFILES)).get(customer_id_of(ONE))
    return found.data.lifecycle if found else None


async def marks_of_profiles(lease: Lease) -> list[Settled]:
    name = lease.prefix + PROFILES.name
    return [snapshot.data for key, snapshot in await read_all(lease, SETTLED) if key == name]


async def until_lifecycle(lease: Lease, expected: str) -> None:
    async def there() -> bool:
        return await lifecycle(lease) == expected

    await eventually(there, what=f"{ONE} {expected}")


async def test_nobody_lapses_while_interactions_are_under_way_and_everybody_does_once_they_have_arrived(
    lease: Lease,
) -> None:
    """Half a year has passed, but ingest has not said that nothing came: then it says so."""
    clock = ManualClock(day(1))
    async with running(await service(lease, clock), alone=False) as app:
        await publish(lease, INTERACTIONS, [record(interaction(subject=ONE, time=day(0)))])
        await until_lifecycle(lease, "new")
        clock.move_to(day(200))
        other = interaction(subject=ONE, type="customer.visit", time=day(2))
        await publish(lease, INTERACTIONS, [record(other)])

        async def counted() -> Any:
            found = (await last_per_key(lease, PROFILES))[customer_id_of(ONE)]
            return found.data.aggregates.interactions == 2

        await eventually(counted, what="the visit")
        assert await lifecycle(lease) == "new"
        await set_mark(lease, day(100), await ends(app))
        await set_mark(lease, day(150), [offset + 1 for offset in await ends(app)])
        await until_lifecycle(lease, "lapsing")
        found = (await last_per_key(lease, PROFILES))[customer_id_of(ONE)]
        assert found.data.history.lifecycle[-1].since <= day(100)
        assert found.data.next_transition_at > day(100)


async def test_a_mark_goes_on_when_what_led_to_it_is_published_and_covers_it(lease: Lease) -> None:
    """The offsets of our mark lie behind the snapshot of the interaction that the mark before them covered."""
    clock = ManualClock(day(10))
    async with running(await service(lease, clock), alone=False) as app:
        await publish(lease, INTERACTIONS, [record(interaction(subject=ONE, time=day(9)))])
        await set_mark(lease, day(10), await ends(app))

        async def told() -> list[Settled]:
            return await marks_of_profiles(lease)

        (mark,) = await eventually(told, what="a mark of profiles")
        assert mark.at == day(10)
        assert sum(mark.next_offsets) == 1
        assert await lifecycle(lease) == "new"


class Brokers:
    """A broker on which everything is published."""

    async def ends(self, topic: Topic) -> tuple[int, ...]:
        return (9,) * topic.partitions

    async def committed(self, group: str, topic: Topic) -> Mapping[int, int]:
        return dict.fromkeys(range(topic.partitions), 7)


class Sent:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.marks: list[Settled] = []

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.marks += [msgspec.json.decode(value or b"", type=Snapshot[Settled]).data for _, value in records]


async def test_no_mark_goes_on_while_the_relay_owes_a_snapshot(lease: Lease) -> None:
    """What a timer or a merge changed has to be on the topic as well; what comes to be owed later need not."""
    async with Database(await lease.dsn("profiles"), application="tests") as database:
        sent = Sent()
        settling = Settling(database, Brokers(), ManualClock(day(10)))
        marks = Marks(PROFILES, settled=SETTLED, offsets=Brokers(), sender=sent)
        settling.mark(marks, read=INTERACTIONS, group="profiles")
        settling.learn([(b"", snapshot(INTERACTIONS.name, day(9), [7] * INTERACTIONS.partitions))], True)
        async with database.connection() as connection:
            store = PipelineStore(connection)
            await store.append_to_publish({str(uuid4()): 1})
            await settling.step()
            assert sent.marks == []
            await store.append_to_publish({(later := str(uuid4())): 1})
            due, listed_at = await store.list_due_to_publish(10)
            assert listed_at is not None
            await store.delete_published({entity: 1 for entity in due if entity != later}, listed_at)
            await settling.step()
        (mark,) = sent.marks
        assert (mark.at, mark.next_offsets) == (day(9), (9,) * PROFILES.partitions)


class Away(Brokers):
    """Brokers that must not be asked how far a group is."""

    async def committed(self, group: str, topic: Topic) -> Mapping[int, int]:
        raise AssertionError(f"asked for {group}")


async def test_a_process_that_has_the_whole_topic_asks_nobody_how_far_it_is(lease: Lease) -> None:
    """Neither the store, which has no progress here, nor the brokers; a part of the topic is not enough."""
    async with Database(await lease.dsn("profiles"), application="tests") as database:
        sent, reach = Sent(), Reach(INTERACTIONS.partitions)
        settling = Settling(database, Away(), ManualClock(day(10)))
        settling.mark(
            Marks(PROFILES, settled=SETTLED, offsets=Away(), sender=sent), read=INTERACTIONS, group="profiles"
        )
        settling.reached_by(INTERACTIONS, reach)
        settling.learn([(b"", snapshot(INTERACTIONS.name, day(9), [7] * INTERACTIONS.partitions))], True)
        whole = range(INTERACTIONS.partitions)
        reach.begin(dict.fromkeys(whole, 7), dict.fromkeys(whole, 6))
        await settling.step()
        assert settling.settled(INTERACTIONS).now() == day(9)
        assert sent.marks == []
        reach.publish([PartitionProgress(number, 7, 0) for number in whole])
        await settling.step()
        assert [mark.at for mark in sent.marks] == [day(9)]


async def test_the_settled_is_remembered_over_a_restart(lease: Lease) -> None:
    """A service that starts while ingest is silent does not forget what was settled."""
    clock = ManualClock(day(10))
    settings = await lease.settings("profiles", policy=ROOT / "deploy/config/policy.yaml")
    async with running(build(Settings(**settings), clock=clock), alone=False) as app:
        settled = app.settled(INTERACTIONS)
        await set_mark(lease, day(8), await ends(app))

        async def reached() -> bool:
            return bool(settled.now() == day(8))

        await eventually(reached, what="the mark to be passed")
    clock.move_to(day(10) + timedelta(days=5))
    await publish(lease, SETTLED, [((lease.prefix + INTERACTIONS.name).encode(), b"not a mark")])
    async with running(build(Settings(**settings), clock=clock), alone=False) as app:
        again = app.settled(INTERACTIONS)

        async def remembered() -> bool:
            return bool(again.now() == day(8))

        await eventually(remembered, what="the settled instant of before")


async def test_a_service_that_starts_reads_the_last_marks_only(lease: Lease) -> None:
    """There may be millions."""
    connection = KafkaConnection(bootstrap=lease.kafka_bootstrap, client_id="tests")
    topic = SETTLED.prefixed(lease.prefix)
    await ensure_topics(connection, [topic])
    await publish(lease, SETTLED, [(b"%d" % number, b"{}") for number in range(250)])
    async with aclosing(follow_topic(connection, topic, last=100)) as reading:
        found = []
        async for records, caught_up in reading:
            found += [key for key, _ in records]
            if caught_up:
                break
    assert found == [b"%d" % number for number in range(150, 250)]
