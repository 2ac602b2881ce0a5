"""One batch, one transaction: its effects, what of it is set aside, and how far it reaches."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from shared.clock import pause
from shared.errors import PermanentError
from shared.kafka.topics import Topic
from shared.pipeline.blame import blame, places
from shared.pipeline.breaker import Breaker
from shared.pipeline.halving import Halving
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.patience import Work
from shared.pipeline.records import Batch, DeadLetter, Handler, Outcome, Stored
from shared.pipeline.store import PipelineStore
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

# What failed for once only does not fail after this.
ONCE_MORE_SECONDS = 0.2

# Those of the culprits that are logged.
_NAMED = 5

# What handling came to, and which records cannot be handled.
_Handled = tuple[Outcome, Sequence[DeadLetter]]


class _HandlerError(Exception):
    """The handler, and nothing else, failed in a way that waiting does not cure."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Storing:
    """Stores the batches of one subscription."""

    def __init__(
        self, topic: Topic, handler: Handler, *, database: Database, breaker: Breaker, metrics: PipelineMetrics
    ) -> None:
        self._topic = topic
        self._handler = handler
        self._database = database
        self._breaker = breaker
        self._metrics = metrics

    async def store(self, batch: Batch, work: Work) -> Stored:
        """Store all of the batch, setting aside what the handler cannot handle, however often that is tried.

        Unless the handler itself says that it is for good, the whole batch is tried once more before it is taken apart.
        Raises what is transient, and StoppedError when too much would be set aside: nothing is stored then, and it is
        to be called again later.
        """
        self._breaker.check(batch, batch.dead)
        try:
            return await self._commit(batch, partial(self._together, batch))
        except _HandlerError as failed:
            error = failed.error
        if not isinstance(error, PermanentError):
            log.warning("handling_failed", topic=self._topic.name, error=blame(error)[1], trace=[*places(error)])
            await pause(ONCE_MORE_SECONDS)
            try:
                return await self._commit(batch, partial(self._together, batch))
            except _HandlerError as failed:
                error = failed.error
        self._metrics.taken_apart.labels(topic=self._topic.name).inc()
        return await self._commit(batch, partial(self._apart, batch, work, error))

    async def _commit(self, batch: Batch, handle: Callable[[Connection], Awaitable[_Handled]]) -> Stored:
        name = self._topic.name
        with self._metrics.seconds.labels(topic=name, stage="store").time():
            async with self._database.transaction() as connection:
                outcome, culprits = await handle(connection)
                store = PipelineStore(connection)
                await store.append_dead_letters(name, batch.dead, again=batch.span.rerun)
                # Of a re-run one cannot tell whether they were set aside before or were stored by a better release.
                await store.append_dead_letters(name, culprits)
                await store.upsert_progress(name, batch.span.progress)
        if culprits:
            first = [f"{one.partition}/{one.offset} {one.detail}" for one in culprits[:_NAMED]]
            log.error("set_aside", topic=name, records=len(culprits), of=len(batch), first=first)
        dead = len(batch.dead) + len(culprits)
        self._breaker.remember(batch, dead)
        return Stored(batch.span, outcome, dead)

    async def _together(self, batch: Batch, connection: Connection) -> _Handled:
        if not batch.received:
            return Outcome([], 0), ()
        try:
            return await self._handler(connection, batch.received), ()
        except Exception as error:
            if is_transient(error):
                raise
            raise _HandlerError(error) from error

    async def _apart(self, batch: Batch, work: Work, error: Exception, connection: Connection) -> _Handled:
        halving = Halving(batch, self._handler, foreign=self._topic.foreign, breaker=self._breaker, work=work)
        return await halving.handle(connection, error)
