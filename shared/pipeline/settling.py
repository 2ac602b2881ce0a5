"""Moves the settled clocks of a service, and tells the services after it how far its own topic is complete."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from shared.clock import Clock, happens, pause, real_now
from shared.contracts import Settled, Snapshot
from shared.kafka.reader import Record
from shared.kafka.topics import Topic
from shared.pipeline.reach import Reach
from shared.pipeline.settled import UNSETTLED, Passage, SettledClock
from shared.pipeline.store import PipelineStore
from shared.postgres import Database, is_transient

log = structlog.get_logger(__name__)

# Real seconds between two marks of the source, and at least between two looks at whether one is passed.
MARK_SECONDS = 0.5
LOOK_SECONDS = 0.1
# Between two looks at what others do: replicas that share the topic, and the relay.
ASK_SECONDS = 0.25
# Older ones say nothing that newer ones do not; the topic grows by a million a day until it is compacted.
LAST_MARKS = 100

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Snapshot[Settled])


class Brokers(Protocol):
    """What of `shared.kafka.offsets` is needed here."""

    async def ends(self, topic: Topic) -> tuple[int, ...]: ...
    async def committed(self, group: str, topic: Topic) -> Mapping[int, int]: ...


class Sender(Protocol):
    """What of the publisher is needed here."""

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None: ...


class Marks:
    """Sets marks on `settled.v1`: one for a topic, again and again."""

    def __init__(self, topic: Topic, *, settled: Topic, offsets: Brokers, sender: Sender) -> None:
        self._topic = topic
        self._settled = settled
        self._offsets = offsets
        self._sender = sender

    async def set(self, at: datetime) -> None:
        """Say that what was accepted before `at` is on the topic by now. Raises TransientError while Kafka is away."""
        name = self._topic.name
        version = int(real_now().timestamp() * 1_000_000)
        mark = Snapshot(
            id=f"{name}:{version}",
            source="ebbtide/settling",
            type="ebbtide.settled",
            subject=name,
            time=at,
            version=version,
            data=Settled(topic=name, at=at, next_offsets=await self._offsets.ends(self._topic)),
        )
        await self._sender.send(self._settled.name, [(name.encode(), _ENCODER.encode(mark))])


class Source:
    """Where everything is accepted: its marks follow from the clock."""

    def __init__(self, marks: Marks, clock: Clock, complete: Callable[[], Awaitable[bool]]) -> None:
        self._marks = marks
        self._clock = clock
        self._complete = complete
        self._marked_at: datetime | None = None

    async def run(self) -> None:
        """For ever; no mark while Kafka is away, or something that was accepted is not on the topic yet."""
        while True:
            try:
                at = self._clock.now()
                if at != self._marked_at and await self._complete():
                    await self._marks.set(at)
                    self._marked_at = at
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("settling_waits", error=repr(error))
                await pause(1)
            await pause(MARK_SECONDS)


@dataclass(slots=True)
class _Inlet:
    """A topic this service consumes, and which of its marks are passed: everything below is stored, is published.

    `group` is empty where nobody waits for what is published.
    """

    topic: Topic
    clock: SettledClock
    group: str = ""
    stored: Passage = field(default_factory=Passage)
    published: Passage = field(default_factory=Passage)


class Settling:
    """The settled clocks of one service. What a replica has stored counts for all of them, for they share the store."""

    def __init__(self, database: Database, offsets: Brokers, clock: Clock) -> None:
        self._database = database
        self._offsets = offsets
        self._clock = clock
        self._inlets: dict[str, _Inlet] = {}
        self._reaches: dict[str, Reach] = {}
        self._told = asyncio.Event()
        self._marks: Marks | None = None
        self._marked_at = UNSETTLED
        # A mark to be set as soon as nothing is owed since that instant of the database's clock.
        self._owed: tuple[datetime, datetime] | None = None

    def settled(self, topic: Topic) -> SettledClock:
        """How far what this topic brings is complete."""
        if topic.name not in self._inlets:
            self._inlets[topic.name] = _Inlet(topic, SettledClock(self._clock))
        return self._inlets[topic.name].clock

    def reached_by(self, topic: Topic, reach: Reach) -> None:
        """Where to see how far this topic is done, as long as all of it is ours; else database and broker are asked."""
        self._reaches[topic.name] = reach
        reach.moved = self._told.set

    def mark(self, marks: Marks, *, read: Topic, group: str) -> None:
        """Tell how far our own topic is complete: as far as `read` is, of which `group` has published the effects."""
        self.settled(read)
        self._inlets[read.name].group = group
        self._marks = marks

    def unsettled(self) -> Mapping[str, float]:
        """Seconds of business time that are not settled, by topic."""
        now = self._clock.now()
        return {
            name: (now - inlet.clock.now()).total_seconds()
            for name, inlet in self._inlets.items()
            if inlet.clock.settled_at > UNSETTLED
        }

    @property
    def is_needed(self) -> bool:
        """Something goes by a settled clock."""
        return bool(self._inlets)

    def learn(self, records: Iterable[Record], _caught_up: bool) -> None:
        """Take over records of `settled.v1`. What cannot be read is left out: the next one comes soon."""
        for _, payload in records:
            try:
                mark = _DECODER.decode(payload or b"").data
            except msgspec.MsgspecError as error:
                log.error("mark_unreadable", error=type(error).__name__)
                continue
            inlet = self._inlets.get(mark.topic)
            if inlet is not None:
                inlet.stored.learn(mark)
                if inlet.group:
                    inlet.published.learn(mark)
                self._told.set()

    async def run(self) -> None:
        """For ever. Failures that pass are waited out; until then the clocks stand still."""
        remembered = False
        while True:
            try:
                if not remembered:
                    await self._remember()
                    remembered = True
                await self._wait()
                await self.step()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("settling_waits", error=repr(error))
                await pause(1)
            await pause(LOOK_SECONDS)

    async def step(self) -> None:
        """One look at how far everything is."""
        for inlet in self._inlets.values():
            await self._look(inlet)
            if inlet.group and self._marks is not None:
                await self._mark(inlet, self._marks)

    async def _wait(self) -> None:
        """Returns when something moved. What others move tells nobody: then it returns after a moment."""
        await happens(self._told, within=ASK_SECONDS if self._is_busy() else None)
        self._told.clear()

    def _is_busy(self) -> bool:
        return self._owed is not None or any(
            one.stored.is_waiting or one.published.is_waiting for one in self._inlets.values()
        )

    async def _remember(self) -> None:
        """Where the clocks stood when this or another replica last moved them: they never go back."""
        async with self._database.connection() as connection:
            settled = await PipelineStore(connection).get_settled(list(self._inlets))
        for name, at in settled.items():
            self._inlets[name].stored.passed_at = at
            self._inlets[name].clock.settle(at)

    async def _look(self, inlet: _Inlet) -> None:
        if not inlet.stored.is_waiting:
            return
        if not inlet.stored.move(await self._stored(inlet.topic)):
            return
        async with self._database.connection() as connection:
            await PipelineStore(connection).upsert_settled(inlet.topic.name, inlet.stored.passed_at)
        inlet.clock.settle(inlet.stored.passed_at)

    async def _stored(self, topic: Topic) -> Mapping[int, int]:
        reach = self._reaches.get(topic.name)
        if reach is not None and reach.is_whole:
            return reach.stored
        async with self._database.connection() as connection:
            progress = await PipelineStore(connection).get_progress(topic.name, range(topic.partitions))
        return {number: one.next_offset for number, one in progress.items()}

    async def _published(self, inlet: _Inlet) -> Mapping[int, int]:
        reach = self._reaches.get(inlet.topic.name)
        if reach is not None and reach.is_whole:
            return reach.published
        return await self._offsets.committed(inlet.group, inlet.topic)

    async def _mark(self, inlet: _Inlet, marks: Marks) -> None:
        """Set our mark when what led to it is published, by the batches and by the relay."""
        if inlet.published.is_waiting:
            inlet.published.move(await self._published(inlet))
        reached = inlet.published.passed_at
        if self._owed is None and reached == self._marked_at:
            return
        async with self._database.connection() as connection:
            asked_at, oldest = await PipelineStore(connection).get_oldest_owed()
        at, owed_at = self._owed or (reached, asked_at)
        self._owed = (at, owed_at)
        if oldest is None or oldest > owed_at:
            await marks.set(at)
            self._marked_at, self._owed = at, None
