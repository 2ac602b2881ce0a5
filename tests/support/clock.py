"""A clock that tests move."""

from datetime import datetime, timedelta


class ManualClock:
    """Business time stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move_to(self, instant: datetime) -> None:
        self._now = instant

    def advance(self, step: timedelta) -> None:
        self._now += step
