"""Closes attempts; those that end while others are being closed are closed together."""

import asyncio

from services.notify.domain.attempts import Attempt
from services.notify.timers.claims import Claims, Task
from shared.clock import Clock

_Ended = tuple[Task, Attempt, asyncio.Future[None]]


class Closing:
    """One transaction at a time, for everybody who waits by then."""

    def __init__(self, claims: Claims, clock: Clock) -> None:
        self._claims = claims
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting: list[_Ended] = []

    async def close(self, task: Task, attempt: Attempt) -> None:
        """Returns when what came of the attempt is stored. Raises what went wrong with any that was closed with it."""
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((task, attempt, closed))
        async with self._turn:
            if not closed.done():
                await self._close_waiting()
        await closed

    async def _close_waiting(self) -> None:
        together, self._waiting = self._waiting, []
        try:
            await self._claims.complete([(task, attempt) for task, attempt, _ in together], self._clock.now())
        except asyncio.CancelledError:
            # Only whoever had the turn gives up: the others close theirs, and this one with them.
            self._waiting = together + self._waiting
            raise
        except Exception as error:
            for closed in _waited_for(together):
                closed.set_exception(error)
        else:
            for closed in _waited_for(together):
                closed.set_result(None)


def _waited_for(together: list[_Ended]) -> list[asyncio.Future[None]]:
    return [closed for _, _, closed in together if not closed.done()]
