"""Sees which alerts changed, once for everybody who watches.

Versions become visible out of order, because transactions that take them commit when they like. So every round reads
again from its horizon, below which nothing can still appear, and passes on what it has not seen. What is passed on with
a horizon is complete up to it: whoever comes back with that horizon misses nothing.
"""

import asyncio
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.alerts.console.store import ConsoleStore, Row
from shared.http.problems import ApiError
from shared.postgres import Database

# More at once is not worth patching row by row: the page asks for its list again.
MOST_ROWS = 300
MOST_CHANGES = 5_000
MOST_WATCHERS = 200
MOST_ROUNDS = 20
COUNT_SECONDS = 1.0
# Of the time, at most one part in so many is spent counting.
COUNT_SHARE = 20


@dataclass(frozen=True, slots=True)
class Round:
    """What a round found. `rows` is null when there was too much; `shared` keeps what is worded once for many."""

    horizon: int
    rows: Sequence[Row] | None = ()
    counts: Mapping[str, int] | None = None
    shared: dict[Any, str] = field(default_factory=dict)


class Watcher:
    """One open page. `rounds` holds what it has not been told yet; when it is slow, only that there was too much."""

    def __init__(self) -> None:
        self.rounds: asyncio.Queue[Round] = asyncio.Queue(MOST_ROUNDS)
        self.joined = asyncio.Event()

    def tell(self, found: Round) -> None:
        """Never blocks."""
        if self.rounds.full():
            while not self.rounds.empty():
                self.rounds.get_nowait()
            found = Round(found.horizon, None, found.counts)
        self.rounds.put_nowait(found)


class Feed:
    """The one poller of a process. Without watchers it asks the database nothing."""

    def __init__(self, database: Database) -> None:
        self.horizon = 0
        self._database = database
        # Weak, because a stream that its server never began has nobody to leave for it.
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._since: int | None = None
        self._seen: dict[str, int] = {}
        self._count_due = False
        self._count_from = 0.0

    def join(self) -> Watcher:
        """A new watcher: it is told of everything that becomes visible after its `joined` is set.

        Raises ApiError 503 when there are too many.
        """
        if len(self._watchers) >= MOST_WATCHERS:
            raise ApiError(503, "too_many_watchers", "Too many pages are open.", headers={"Retry-After": "15"})
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """May be called twice."""
        self._watchers.discard(watcher)

    async def catch_up(self, since: int) -> Sequence[Row] | None:
        """The alerts whose version is `since` or later; null when there are too many."""
        async with self._database.connection() as connection:
            store = ConsoleStore(connection)
            changes = await store.list_changes(since, MOST_ROWS + 1)
            return await store.get_rows([one for one, _ in changes]) if len(changes) <= MOST_ROWS else None

    async def step(self, _: datetime) -> int:
        """One round. Always 0: there is no hurry to look again."""
        watchers = list(self._watchers)
        if not watchers:
            self._since = None
            self._seen.clear()
            return 0
        async with self._database.connection() as connection:
            found = await self._look(ConsoleStore(connection))
        self.horizon = found.horizon
        for watcher in watchers:
            if found.rows is None or found.rows or found.counts is not None:
                watcher.tell(found)
            watcher.joined.set()
        return 0

    async def _look(self, store: ConsoleStore) -> Round:
        horizon = await store.get_horizon()
        since = self._since if self._since is not None else horizon
        changes = await store.list_changes(since, MOST_CHANGES + 1)
        fresh = [(alert_id, version) for alert_id, version in changes if self._seen.get(alert_id) != version]
        rows: Sequence[Row] | None = None
        if len(changes) <= MOST_CHANGES and len(fresh) <= MOST_ROWS:
            rows = await store.get_rows([alert_id for alert_id, _ in fresh]) if fresh else ()
        counts = await self._counts(store, changed=bool(fresh))
        # Only now, so that a round that fails is done again in full.
        self._seen.update(fresh)
        self._seen.update((row.alert.alert_id, row.version) for row in rows or ())
        self._seen = {alert_id: version for alert_id, version in self._seen.items() if version >= horizon}
        self._since = horizon
        return Round(horizon, rows, counts)

    async def _counts(self, store: ConsoleStore, *, changed: bool) -> Mapping[str, int] | None:
        self._count_due = self._count_due or changed
        began = time.monotonic()
        if not self._count_due or began < self._count_from:
            return None
        counts = await store.count_open()
        took = time.monotonic() - began
        self._count_due, self._count_from = False, began + max(COUNT_SECONDS, took * COUNT_SHARE)
        return counts
