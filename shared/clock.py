"""The only place that asks what time it is or waits.

Business time (occurred, due, fired, held until) comes from one `Clock` per process, real or simulated.
Leases, back-off, time-outs and signatures use `real_now` and `pause`, whatever the clock says.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from shared.errors import ConfigurationError


class Clock(Protocol):
    """Tells business time, in UTC."""

    def now(self) -> datetime: ...


def real_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


async def pause(seconds: float) -> None:
    """Wait real seconds; 0 lets heartbeats and answers in between pieces of long work."""
    await asyncio.sleep(seconds)


async def happens(event: asyncio.Event, *, within: float | None) -> bool:
    """Whether it is set before so many real seconds have passed; None: wait for ever.

    Whoever is cancelled at that very moment is cancelled: Python 3.11's `wait_for` would return instead.
    """
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return False
    return True


class RealClock:
    """Business time is real time."""

    def now(self) -> datetime:
        return real_now()


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """Business time that began at `start` when the wall clock showed `anchor`, and runs `speed` times as fast.

    From `until` on it goes at the pace of the wall clock. Every process given the same four values tells the
    same time, so five services share one clock without talking about it.
    """

    anchor: datetime
    start: datetime
    speed: float
    until: datetime

    def now(self) -> datetime:
        return self.at(real_now())

    def at(self, real: datetime) -> datetime:
        """Business time at a real instant (before `anchor`: `start`)."""
        elapsed = max(real - self.anchor, timedelta(0))
        fast = (self.until - self.start) / self.speed
        if elapsed <= fast:
            return self.start + elapsed * self.speed
        return self.until + (elapsed - fast)

    def setting(self) -> str:
        """The value of EBBTIDE_CLOCK that gives this clock to another process."""
        return msgspec.json.encode(self).decode()


def clock_from(setting: str | None) -> Clock:
    """The clock described by EBBTIDE_CLOCK: JSON with anchor, start, speed and until; empty means real time."""
    if not setting:
        return RealClock()
    try:
        clock = msgspec.json.decode(setting, type=SimulatedClock)
        aware = all(instant.tzinfo for instant in (clock.anchor, clock.start, clock.until))
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"EBBTIDE_CLOCK is not a clock: {error}") from None
    if not aware or clock.speed < 1 or clock.until < clock.start:
        raise ConfigurationError("EBBTIDE_CLOCK needs instants with a zone, speed of at least 1 and until after start")
    return clock
