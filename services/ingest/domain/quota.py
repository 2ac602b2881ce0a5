"""How many events one principal may send: a bucket that fills steadily and may be overdrawn once."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: datetime


class Quota:
    """`rate` events a second for each name, with `burst` saved up at most; a rate of 0 allows everything.

    A request is let in while anything is left, however large it is, and what it took beyond that is paid back
    before the next: so no request is too large for ever, and the rate holds in the long run. One per process.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str, count: int, *, at: datetime) -> float:
        """Take `count`; returns 0, or the seconds to wait, in which case nothing was taken. `at` is real time."""
        if self._rate <= 0:
            return 0.0
        bucket = self._buckets.setdefault(name, _Bucket(self._burst, at))
        passed = max(0.0, (at - bucket.filled_at).total_seconds())
        bucket.tokens = min(self._burst, bucket.tokens + passed * self._rate)
        bucket.filled_at = at
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._rate
        bucket.tokens -= count
        return 0.0
