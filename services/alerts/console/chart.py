"""How many alerts fired and ended a day, as a small drawing."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from services.alerts.console.store import ConsoleStore
from shared.postgres import Database, is_transient

DAYS = 30
# Of the time, at most one part in so many is spent counting.
SHARE = 20
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
MOST_ZONES = 50
# The drawing, in units of its own: columns side by side, what fired above the line, what ended below.
COLUMN, BAR, HEIGHT = 12, 9, 56


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a zone."""

    day: date
    fired: int
    ended: int


@dataclass(frozen=True, slots=True)
class Bars:
    """A day as it is drawn: both bars begin at the line."""

    day: Day
    x: int
    up: float
    down: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything the template needs."""

    bars: Sequence[Bars]
    line: float
    fired: int
    ended: int

    @property
    def width(self) -> int:
        """In the units of the drawing."""
        return COLUMN * len(self.bars)


class DayCounts:
    """Counts of the last 30 days of business time, asked for seldom enough that they cost a bounded share of time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._known: OrderedDict[str, tuple[float, list[Day]]] = OrderedDict()

    async def days(self, now: datetime, zone: ZoneInfo) -> list[Day] | None:
        """Oldest first, the last one is today; null when the database has no time for it."""
        async with self._turn:
            stale_at, known = self._known.get(zone.key, (0.0, None))
            began = time.monotonic()
            if known is None or began >= stale_at:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        known = await self._count(now, zone)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    # Not asked again at once, and what was known stays.
                took = time.monotonic() - began
                self._known[zone.key] = (began + max(FRESH_SECONDS, took * SHARE), known or [])
                self._known.move_to_end(zone.key)
                if len(self._known) > MOST_ZONES:
                    self._known.popitem(last=False)
            return known or None

    async def _count(self, now: datetime, zone: ZoneInfo) -> list[Day]:
        today = now.astimezone(zone).date()
        dates = [today - timedelta(days=back) for back in reversed(range(DAYS))]
        starts = [datetime.combine(day, clock_time(0), zone).astimezone(UTC) for day in dates]
        async with self._database.connection() as connection:
            counted = await ConsoleStore(connection).count_days(starts, now)
        return [Day(day, fired, ended) for day, (fired, ended) in zip(dates, counted, strict=True)]


def draw(days: Sequence[Day]) -> Drawing:
    """Bars of one scale, which together use the height."""
    most_fired, most_ended = max(day.fired for day in days), max(day.ended for day in days)
    unit = HEIGHT / max(most_fired + most_ended, 1)
    line = most_fired * unit
    bars = [
        Bars(day, place * COLUMN, round(day.fired * unit, 2), round(day.ended * unit, 2))
        for place, day in enumerate(days)
    ]
    return Drawing(bars, round(line, 2), sum(day.fired for day in days), sum(day.ended for day in days))
