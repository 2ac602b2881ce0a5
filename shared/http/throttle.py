"""Who failed too often lately waits: for whatever is tried again and again, by address. Kept in this process alone."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta


class Throttle:
    """Refuses an address that failed too often lately. Each process counts alone: keys cannot be guessed anyway."""

    def __init__(self, *, failures: int = 10, within: timedelta = timedelta(minutes=1), addresses: int = 1_000) -> None:
        self._failures = failures
        self._within = within
        self._addresses = addresses
        self._failed: OrderedDict[str, list[datetime]] = OrderedDict()

    def refuses(self, address: str, now: datetime) -> bool:
        """Whether this address has to wait."""
        return len(self._recent(address, now)) >= self._failures

    def note(self, address: str, now: datetime) -> None:
        """A failed attempt."""
        self._failed[address] = [*self._recent(address, now), now][-self._failures :]
        self._failed.move_to_end(address)
        if len(self._failed) > self._addresses:
            self._failed.popitem(last=False)

    def _recent(self, address: str, now: datetime) -> Sequence[datetime]:
        return [at for at in self._failed.get(address, ()) if at > now - self._within]
