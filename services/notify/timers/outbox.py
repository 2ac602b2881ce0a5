"""Brings acts of customers on notify's own pages onto the inbound topic, from where they come back as interactions."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from shared.postgres import Connection, Database

LIMIT = 500


class OutboxStore(Protocol):
    """What this needs of the store."""

    async def list_outbox(self, limit: int) -> Sequence[tuple[str, str, bytes]]: ...
    async def settle_outbox(self, event_ids: Sequence[str]) -> None: ...


class Sender(Protocol):
    """What of the Kafka publisher is needed here."""

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None: ...


class Outbox:
    """Struck off once acknowledged; broken off in between, or two at once, they are sent twice, and the second is a
    duplicate by its id."""

    def __init__(
        self, database: Database, store: Callable[[Connection], OutboxStore], *, sender: Sender, topic: str
    ) -> None:
        self._database = database
        self._store = store
        self._sender = sender
        self._topic = topic

    async def step(self, _: datetime) -> int:
        """Send what is owed; returns how many. Raises TransientError, after which all of it is owed still."""
        async with self._database.connection() as connection:
            owed = await self._store(connection).list_outbox(LIMIT)
        if owed:
            await self._sender.send(self._topic, [(reference.encode(), event) for _, reference, event in owed])
            async with self._database.connection() as connection:
                await self._store(connection).settle_outbox([event_id for event_id, _, _ in owed])
        return len(owed)
