"""What every route of the page works with, and who is asking."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.alerts.console.chart import DayCounts
from services.alerts.console.events import Streams
from services.alerts.console.feed import Feed
from services.alerts.console.neighbours import Neighbours, Question, Unanswered
from services.alerts.console.rendering import Renderer
from services.alerts.console.sessions import Session, Sessions
from services.alerts.console.store import ConsoleStore, Row
from services.alerts.console.viewer import Viewer, session_cookie, viewer_of
from services.alerts.handlers import Acts
from shared.http.problems import ApiError, problem
from shared.postgres import Database

T = TypeVar("T")

SIGN_IN = "/console/sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Given to the routes. `rule_ids` are those in force, `stopping` tells that the process is about to end."""

    database: Database
    acts: Acts
    sessions: Sessions
    feed: Feed
    renderer: Renderer
    neighbours: Neighbours
    day_counts: DayCounts
    rule_ids: tuple[str, ...]
    stopping: Callable[[], bool]

    def now(self) -> datetime:
        """Business time, as alerts have it."""
        return self.acts.clock.now()

    def streams(self) -> Streams:
        """What keeps open pages current."""
        return Streams(self.feed, self.renderer, sessions=self.sessions, clock=self.acts.clock, stopping=self.stopping)

    async def signed_in(self, request: Request) -> tuple[Viewer, Session]:
        """Who asks. Raises ApiError 401 when they have to sign in first."""
        token = request.cookies.get(session_cookie(request))
        session = await self.sessions.find(token) if token else None
        if session is None:
            raise ApiError(401, "signed_out", "Sign in first.")
        return viewer_of(request, self.renderer.texts, session), session

    async def row(self, alert_id: str) -> Row:
        """One alert. Raises ApiError 404 when there is none of this id."""
        try:
            known = str(UUID(alert_id))
        except ValueError:
            raise ApiError(404, "not_found", "There is no alert with this id.") from None
        async with self.database.connection() as connection:
            rows = await ConsoleStore(connection).get_rows([known])
        if not rows:
            raise ApiError(404, "not_found", "There is no alert with this id.")
        return rows[0]

    async def ask(self, request: Request, session: Session, question: Question, kind: type[T]) -> T | Unanswered:
        """What another service answers this person, who is asking with their own key."""
        token = request.cookies.get(session_cookie(request), "")
        key = self.sessions.key_of(session, token)
        return await self.neighbours.ask(question, kind, key=key, correlation_id=request.state.correlation_id)

    def refuse(self, request: Request, error: ApiError) -> Response:
        """An error as whoever asked can read it: a problem for the module of the page, a page for people."""
        viewer = viewer_of(request, self.renderer.texts)
        said = viewer.texts.entries.get(f"error.{error.code}", error.detail)
        headers = {name: value for name, value in (error.headers or {}).items() if name != "WWW-Authenticate"}
        if not wants_page(request):
            return problem(ApiError(error.status, error.code, said, field=error.field, headers=headers))
        if error.code == "signed_out":
            return self._to_sign_in(request, viewer)
        page = self.renderer.page("error.html", viewer, said=said, status=error.status)
        return HTMLResponse(page, error.status, headers=headers)

    def _to_sign_in(self, request: Request, viewer: Viewer) -> Response:
        if request.method != "GET":
            return RedirectResponse(SIGN_IN, 303)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site":
            # Under SameSite=Strict a link in a mail comes without the cookie; asked again by our own page, it is sent.
            return HTMLResponse(self.renderer.page("again.html", viewer, path=path))
        return RedirectResponse(f"{SIGN_IN}?next={quote(path, safe='')}" if path != "/" else SIGN_IN, 303)


def wants_page(request: Request) -> bool:
    """Whether a browser shows the answer as a page; else the module of the page reads it."""
    return "text/html" in request.headers.get("accept", "text/html")
