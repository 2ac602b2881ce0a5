"""The tally's handler with something wrong in it: some interactions or references make it fail."""

from collections.abc import Awaitable, Callable, Sequence

from shared.contracts import Interaction
from shared.pipeline import Outcome, Received
from shared.postgres import Connection
from tests.support.tally.service import on_events

SECRET = "mary@example.com"

# Is called while the transaction is open, with the number of the call; may raise.
Meanwhile = Callable[[int], Awaitable[None]]


def defect() -> Exception:
    """What a defect looks like whose text quotes the record."""
    return ValueError(SECRET)


class Picky:
    """Does the work, and fails afterwards if `culprits`, ids or references, are among what it was given.

    `mended`: nothing is wrong any more.
    """

    def __init__(self, *culprits: str, error: Callable[[], Exception] = defect, meanwhile: Meanwhile | None = None):
        self.culprits = frozenset(culprits)
        self.mended = False
        self.sizes: list[int] = []
        self._error = error
        self._meanwhile = meanwhile

    async def __call__(self, connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        self.sizes.append(len(records))
        outcome = await on_events(connection, records)
        if self._meanwhile is not None:
            await self._meanwhile(len(self.sizes))
        if not self.mended and any({one.value.id, one.value.subject} & self.culprits for one in records):
            raise self._error()
        return outcome


class Impossible(Picky):
    """Fails as a statement does that PostgreSQL refuses, which ends the transaction for whoever goes on in it."""

    async def __call__(self, connection: Connection, records: Sequence[Received[Interaction]]) -> Outcome:
        try:
            return await super().__call__(connection, records)
        except ValueError:
            await connection.execute("select 1 / 0")
            raise
