"""When the broker is silent: what was accepted is stored durably instead, and sent when it answers again."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from services.ingest.metrics import IngestMetrics
from shared.errors import TransientError
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

Records = Sequence[tuple[bytes, bytes]]

# Small enough to be acknowledged well before the database gives up on the transaction that holds their rows.
DRAINED_AT_ONCE = 500


class SpoolStore(Protocol):
    """What of the store is needed here."""

    async def append_spool(self, records: Records) -> None: ...
    async def claim_spool(self, limit: int) -> Sequence[tuple[str, bytes, bytes]]: ...
    async def delete_spool(self, spool_ids: Sequence[str]) -> None: ...
    async def count_spool(self, limit: int) -> int: ...
    async def is_spool_empty(self) -> bool: ...


class Outlet(Protocol):
    """The way to the broker."""

    async def send(self, records: Records) -> None: ...


class Sender(Protocol):
    """What of the Kafka publisher is needed here."""

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None: ...


class Spool:
    """Interactions owed to the topic. Every replica appends to it and drains it.

    Order across an outage is not kept: what comes when the broker answers again may overtake what is spooled, and what
    was not acknowledged in time may be on the topic all the same. Interactions are order-free and counted once.
    """

    def __init__(
        self, database: Database, store: Callable[[Connection], SpoolStore], *, limit: int, metrics: IngestMetrics
    ) -> None:
        """At most about `limit` interactions are held."""
        self._database = database
        self._store = store
        self._limit = limit
        self._metrics = metrics
        self._held = 0
        # Another process may have left something.
        self._may_hold = True
        self.broker_answers = True

    async def append(self, records: Records) -> None:
        """Returns when all are stored. Raises TransientError when they are not, or nobody knows."""
        if self._held + len(records) > self._limit:
            raise TransientError(f"the spool holds {self._held} interactions, which is all it may")
        try:
            async with self._database.transaction() as connection:
                await self._store(connection).append_spool(records)
        except Exception as error:
            if is_transient(error):
                raise TransientError(f"the spool cannot be written: {error!r}") from error
            raise
        self._held += len(records)
        self._may_hold = True
        self.broker_answers = False
        self._metrics.spooled.inc(len(records))
        self._metrics.spool.set(self._held)

    async def is_empty(self) -> bool:
        """Whether everything that was accepted is on the topic, whichever replica accepted it."""
        async with self._database.connection() as connection:
            empty = await self._store(connection).is_spool_empty()
        self._may_hold = self._may_hold or not empty
        return empty

    async def drain(self, sender: Sender, topic: str) -> int:
        """Send the oldest; returns how many. Raises TransientError while the broker is away: they stay, then.

        Costs nothing while neither `append` nor `is_empty` has seen anything since the last time.
        """
        if not self._may_hold:
            return 0
        async with self._database.transaction() as connection:
            store = self._store(connection)
            claimed = await store.claim_spool(DRAINED_AT_ONCE)
            if claimed:
                await sender.send(topic, ((reference, interaction) for _, reference, interaction in claimed))
                await store.delete_spool([spool_id for spool_id, _, _ in claimed])
            self._held = await store.count_spool(self._limit)
        self._may_hold = self._held > 0
        self.broker_answers = True
        self._metrics.spool.set(self._held)
        if claimed:
            log.info("spool_drained", interactions=len(claimed), left=self._held)
        return len(claimed)


class SpoolingOutlet:
    """Sends to the broker; what is not acknowledged in time goes into the spool.

    From then on everything goes there at once, until something from there was acknowledged: callers do not wait for a
    broker that is known to be away.
    """

    def __init__(self, outlet: Outlet, spool: Spool) -> None:
        self._outlet = outlet
        self._spool = spool

    async def send(self, records: Records) -> None:
        """Returns when all are durable: acknowledged or spooled. Raises TransientError when neither is certain."""
        if self._spool.broker_answers:
            try:
                await self._outlet.send(records)
            except TransientError as error:
                log.warning("spooling", interactions=len(records), error=str(error))
            else:
                return
        await self._spool.append(records)
