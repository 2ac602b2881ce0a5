"""The panels of a customer: each is asked for by itself, and says in words when its service does not answer."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.alerts.console.answers import NotificationsAnswer, ProfileAnswer, ScoresAnswer, TimelineAnswer
from services.alerts.console.desk import Desk
from services.alerts.console.neighbours import Question, Unanswered
from services.alerts.console.viewer import Viewer
from services.alerts.console.wording import notifications_values, profile_values, scores_values, timeline_values
from shared.http.problems import ApiError

MOST_ITEMS = "15"


@dataclass(frozen=True, slots=True)
class Panel:
    """Which service is asked for what, and how its answer is worded. `{}` in `path` is the customer."""

    service: str
    scope: str
    path: str
    kind: type[Any]
    words: Callable[[Any, Viewer], dict[str, Any]]
    params: Mapping[str, str]
    by_customer: bool = False

    def question(self, customer_id: str) -> Question:
        """About one customer."""
        params = {**self.params, "customer_id": customer_id} if self.by_customer else self.params
        return Question(self.service, self.path.format(customer_id), params)


PANELS = {
    "record": Panel("profiles", "customers:read", "/v1/customers/{}", ProfileAnswer, profile_values, {}),
    "scores": Panel("scoring", "scores:read", "/v1/scores/{}", ScoresAnswer, scores_values, {}),
    "timeline": Panel(
        "profiles",
        "customers:read",
        "/v1/customers/{}/timeline",
        TimelineAnswer,
        timeline_values,
        {"order": "desc", "limit": MOST_ITEMS},
    ),
    "notifications": Panel(
        "notify",
        "notifications:read",
        "/v1/notifications",
        NotificationsAnswer,
        notifications_values,
        {"limit": MOST_ITEMS},
        by_customer=True,
    ),
}


def address(alert_id: str, name: str) -> str:
    """Where the page asks for a panel."""
    return f"/console/alerts/{alert_id}/panels/{name}"


async def panel(desk: Desk, request: Request, viewer: Viewer, name: str, *, of: tuple[str, str]) -> str:
    """One panel as a piece of a page; `of` is an alert and its customer."""
    assert viewer.session is not None
    asked, (alert_id, customer_id) = PANELS[name], of
    answer = await desk.ask(request, viewer.session, asked.question(customer_id), asked.kind)
    values: dict[str, Any] = {"why": None}
    if isinstance(answer, Unanswered):
        said = {"service": asked.service, "scope": asked.scope, "setting": asked.service.upper()}
        values["why"] = viewer.texts(f"unanswered.{answer.why}", **said)
        values["again"] = answer.why == "away"
    else:
        values |= asked.words(answer, viewer)
    return desk.renderer.page("panel.html", viewer, name=name, address=address(alert_id, name), **values)


async def all_panels(desk: Desk, request: Request, viewer: Viewer, *, of: tuple[str, str]) -> dict[str, str]:
    """All panels at once, for a page that does not ask for them by itself."""
    found = await asyncio.gather(*(panel(desk, request, viewer, name, of=of) for name in PANELS))
    return dict(zip(PANELS, found, strict=True))


def add_panels(router: APIRouter, desk: Desk) -> None:
    """One address a panel."""

    @router.get("/console/alerts/{alert_id}/panels/{name}")
    async def one(request: Request, alert_id: str, name: str) -> Response:
        viewer, _ = await desk.signed_in(request)
        if name not in PANELS:
            raise ApiError(404, "not_found", "There is no such panel.")
        alert = (await desk.row(alert_id)).alert
        return HTMLResponse(await panel(desk, request, viewer, name, of=(alert.alert_id, alert.customer_id)))
