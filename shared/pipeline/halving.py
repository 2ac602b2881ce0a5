"""Which records of a batch cannot be handled: looked for by halves, each in a savepoint of the batch's transaction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.kafka.client import ConsumerRecord
from shared.pipeline.blame import blame
from shared.pipeline.breaker import Breaker
from shared.pipeline.decoding import dead_letter
from shared.pipeline.patience import Work
from shared.pipeline.records import Batch, DeadLetter, Handler, Outcome, Received
from shared.postgres import Connection, is_transient


class _Record(NamedTuple):
    received: Received[Any]
    record: ConsumerRecord


# The records of one key: of one customer, one alert.
_Entity = list[_Record]


class Halving:
    """One batch that failed as a whole, taken apart inside the transaction that stores it.

    A part that works stays done, a part that fails is undone and halved, first between entities, then between the
    records of one. If both halves of one entity fail, it is the entity that cannot be handled, and its records of this
    batch go together. One culprit among n entities costs 2 log2(n) parts.
    """

    def __init__(self, batch: Batch, handler: Handler, *, foreign: bool, breaker: Breaker, work: Work) -> None:
        self._batch = batch
        self._handler = handler
        self._foreign = foreign
        self._breaker = breaker
        self._work = work
        self._outcomes: list[Outcome] = []
        self._dead: list[DeadLetter] = []
        self._culprits = 0

    async def handle(self, connection: Connection, error: Exception) -> tuple[Outcome, list[DeadLetter]]:
        """What the rest came to, and the culprits. `error` is what the whole batch failed with.

        Raises StoppedError when there are too many of them, and what is transient.
        """
        await self._take_apart(connection, self._entities(), error)
        return _sum(self._outcomes), self._dead

    def _entities(self) -> list[_Entity]:
        """In key order, so that two processes take their locks in the same one. Keys of others mean nothing."""
        undecodable = {(letter.partition, letter.offset) for letter in self._batch.dead}
        decoded = [one for one in self._batch.records if (one.partition, one.offset) not in undecodable]
        entities: dict[Any, _Entity] = {}
        for received, record in zip(self._batch.received, decoded, strict=True):
            key = (record.partition, record.offset) if self._foreign else record.key or b""
            entities.setdefault(key, []).append(_Record(received, record))
        return [entities[key] for key in sorted(entities)]

    async def _take_apart(self, connection: Connection, entities: Sequence[_Entity], error: Exception) -> None:
        """These are known to fail together."""
        failing = []
        halves = _halves(entities)
        for half in halves:
            failure = await self._failure(connection, half)
            if failure is not None:
                failing.append((half, failure))
        if len(entities) == 1 and len(failing) == len(halves):
            self._set_aside(entities[0], error)
            return
        for half, failure in failing:
            await self._take_apart(connection, half, failure)

    async def _failure(self, connection: Connection, entities: Sequence[_Entity]) -> Exception | None:
        """Handle them by themselves: None when that worked, else why it did not, and it never happened."""
        self._work.steps += 1
        try:
            async with connection.transaction():
                outcome = await self._handler(connection, [one.received for entity in entities for one in entity])
        except Exception as error:
            if is_transient(error):
                raise
            return error
        self._outcomes.append(outcome)
        return None

    def _set_aside(self, entity: _Entity, error: Exception) -> None:
        reason, detail = blame(error)
        self._dead += [dead_letter(one.record, reason, detail) for one in entity]
        self._culprits += 1
        self._breaker.check(self._batch, [*self._dead, *self._batch.dead], culprits=self._culprits)


def _halves(entities: Sequence[_Entity]) -> Sequence[Sequence[_Entity]]:
    """None of a single record."""
    if len(entities) > 1:
        middle = len(entities) // 2
        return entities[:middle], entities[middle:]
    (records,) = entities
    middle = len(records) // 2
    return ([records[:middle]], [records[middle:]]) if middle else ()


def _sum(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        publications=[one for outcome in outcomes for one in outcome.publications],
        applied=sum(one.applied for one in outcomes),
        duplicate=sum(one.duplicate for one in outcomes),
        stale=sum(one.stale for one in outcomes),
        refused=sum(one.refused for one in outcomes),
    )
