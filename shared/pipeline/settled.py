"""How far in time what arrived is complete: up to there silence means that nothing happened, after it nobody knows."""

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.clock import Clock
from shared.contracts import Settled

UNSETTLED = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was found to be complete."""

# While a backlog is worked off, marks come in and few are passed; then marks further apart do as well.
MOST_MARKS = 600


class Passage:
    """Marks not passed yet, and the instant of the latest one that was."""

    def __init__(self, passed_at: datetime = UNSETTLED) -> None:
        self.passed_at = passed_at
        self._marks: deque[Settled] = deque()
        self._apart = timedelta(0)

    @property
    def is_waiting(self) -> bool:
        """There are marks to be passed."""
        return bool(self._marks)

    def learn(self, mark: Settled) -> None:
        """A mark was set. Each is true by itself, so one that comes late or twice does no harm."""
        if mark.at <= self.passed_at or (self._marks and mark.at <= self._marks[-1].at):
            return
        if len(self._marks) > 1 and mark.at - self._marks[-2].at < self._apart:
            self._marks.pop()
        self._marks.append(mark)
        if len(self._marks) > MOST_MARKS:
            self._apart = 2 * (mark.at - self._marks[0].at) / MOST_MARKS
            self._marks = deque([*list(self._marks)[:-1:2], mark])

    def move(self, next_offsets: Mapping[int, int]) -> bool:
        """Everything below these offsets is done; whether that passes a mark. A partition left out is at its start."""
        # The latest first: marks of a topic that was recreated since then may never be passed.
        for index in range(len(self._marks) - 1, -1, -1):
            mark = self._marks[index]
            if all(next_offsets.get(number, 0) >= offset for number, offset in enumerate(mark.next_offsets)):
                self.passed_at = max(self.passed_at, mark.at)
                for _ in range(index + 1):
                    self._marks.popleft()
                if not self._marks:
                    self._apart = timedelta(0)
                return True
        return False


class SettledClock:
    """A clock that stands at the last instant before which everything accepted has arrived from a topic.

    What follows from silence (a timer, a lapse, an absence) is decided by this clock, so that it never outruns
    interactions that are still under way. A customer's own newest interaction ends silence before it just the same:
    decide as of the later of the two.
    """

    def __init__(self, clock: Clock, settled_at: datetime = UNSETTLED) -> None:
        self.settled_at = settled_at
        self._clock = clock
        self._moved = asyncio.Event()

    def settle(self, at: datetime) -> None:
        """It stands at `at` from now on."""
        self.settled_at = at
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    @property
    def moved(self) -> asyncio.Event:
        """Set when it moves the next time."""
        return self._moved

    def now(self) -> datetime:
        """Business time, as far as it is settled."""
        return min(self._clock.now(), self.settled_at)
