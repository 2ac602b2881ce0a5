"""Server-sent events: the changes of the feed, each as its watcher's list shows it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import msgspec

from services.alerts.console.feed import Feed, Round, Watcher
from services.alerts.console.filters import Filters
from services.alerts.console.rendering import Renderer
from services.alerts.console.sessions import Session, Sessions
from services.alerts.console.store import Row
from services.alerts.console.viewer import Viewer
from shared.clock import Clock
from shared.http.problems import ApiError
from shared.postgres import is_transient

# How soon a stream notices that the process stops or that its key is revoked.
CHECK_SECONDS = 1.0
TICK_SECONDS = 10
# The page then comes back by itself, and its session is looked up again.
LIFE_SECONDS = 300
JOIN_SECONDS = 10


class Streams:
    """Makes the streams of open pages. `stopping` tells that the process is about to end."""

    def __init__(
        self, feed: Feed, renderer: Renderer, *, sessions: Sessions, clock: Clock, stopping: Callable[[], bool]
    ):
        self._feed = feed
        self._renderer = renderer
        self._sessions = sessions
        self._clock = clock
        self._stopping = stopping

    def open(self, viewer: Viewer, session: Session, filters: Filters, since: int | None) -> AsyncIterator[bytes]:
        """Everything that changed since the horizon `since`, then what changes, until somebody ends it.

        Every message carries the horizon to come back with as its id. A row may be told again after a break: its
        version says so. Raises ApiError 503 when too many streams are open.
        """
        return self._stream(_Teller(self._renderer, viewer, filters, self._clock), session, since, self._feed.join())

    async def _stream(
        self, teller: "_Teller", session: Session, since: int | None, watcher: Watcher
    ) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 1000\n\n"
            async with asyncio.timeout(JOIN_SECONDS):
                await watcher.joined.wait()
            horizon = self._feed.horizon
            missed = await self._feed.catch_up(since) if since is not None else ()
            yield teller.rows(Round(horizon, missed))
            began = told_at = time.monotonic()
            while time.monotonic() - began < LIFE_SECONDS and not self._stopping() and self._is_good(session):
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        one = await watcher.rounds.get()
                    yield teller.rows(one)
                    told_at = time.monotonic()
                except TimeoutError:
                    # The horizon of the feed is this page's too only when nothing waits to be told.
                    if time.monotonic() - told_at >= TICK_SECONDS and watcher.rounds.empty():
                        yield teller.tick(self._feed.horizon)
                        told_at = time.monotonic()
        except Exception as error:
            # The database is away: the page comes back by itself, with the last id it was told.
            if not is_transient(error):
                raise
        finally:
            self._feed.leave(watcher)

    def _is_good(self, session: Session) -> bool:
        try:
            return self._sessions.principal_of(session.key_id) is not None
        except ApiError:
            return False


class _Teller:
    """Words messages for one page, and leaves out what it has been told when it came back."""

    def __init__(self, renderer: Renderer, viewer: Viewer, filters: Filters, clock: Clock) -> None:
        self._renderer = renderer
        self._viewer = viewer
        self._filters = filters
        self._clock = clock

    def rows(self, found: Round) -> bytes:
        now = self._clock.now()
        if found.rows is None:
            return _message("reload", found.horizon, {"now": now, "counts": found.counts})
        rows = [self._row(row, found, now) for row in found.rows]
        return _message("rows", found.horizon, {"now": now, "rows": rows, "counts": found.counts})

    def tick(self, horizon: int) -> bytes:
        return _message("tick", horizon, {"now": self._clock.now()})

    def _row(self, row: Row, found: Round, now: datetime) -> dict[str, Any]:
        html = None
        if self._filters.matches(row.alert, row.customer.references):
            key = (row.alert.alert_id, row.version, self._viewer.style)
            html = found.shared.get(key)
            if html is None:
                html = found.shared[key] = self._renderer.row(row, self._viewer, now)
        return patch(row, html)


def patch(row: Row, html: str | None) -> dict[str, Any]:
    """What the page needs to show a row, or to take it away (`html` null)."""
    return {"alert_id": row.alert.alert_id, "version": row.version, "html": html}


def _message(kind: str, horizon: int, body: dict[str, Any]) -> bytes:
    # Encoded JSON holds no line break, so it is one line of the stream.
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), horizon, msgspec.json.encode(body))
