"""The list of alerts, and one alert with its story, its customer and the customer's others."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.alerts.console.chart import draw
from services.alerts.console.desk import Desk
from services.alerts.console.filters import Filters, place_of
from services.alerts.console.panels import PANELS, address, all_panels
from services.alerts.console.search import Wanted, wanted
from services.alerts.console.store import ConsoleStore
from services.alerts.console.viewer import Viewer

PAGE_ROWS = 50
MOST_OTHERS = 50


async def list_page(
    desk: Desk,
    viewer: Viewer,
    asked: Wanted,
    *,
    refusals: dict[str, str] | None = None,
    said: str | None = None,
) -> str:
    """The list somebody wants; `refusals` are shown at their rows, `said` above them all."""
    filters, after = asked.filters, place_of(asked.cursor)
    async with desk.database.connection() as connection:
        store = ConsoleStore(connection)
        # First: what changes from now on is told by the stream, which begins here.
        horizon = await store.get_horizon()
        found = await store.list_rows(filters, after, PAGE_ROWS + 1)
        counts = await store.count_open()
    now = desk.now()
    days = await desk.day_counts.days(now, viewer.zone)
    rows = found[:PAGE_ROWS]
    refusals = refusals or {}
    # What was refused and has left the list since is said above it.
    gone = {*refusals} - {row.alert.alert_id for row in rows}
    said = said or next((refusals[alert_id] for alert_id in sorted(gone)), None)
    return desk.renderer.page(
        "list.html",
        viewer,
        rows=[desk.renderer.row(row, viewer, now, refusals.get(row.alert.alert_id)) for row in rows],
        filters=filters,
        rule_ids=sorted({*desk.rule_ids, *([filters.rule] if filters.rule else [])}),
        counts=counts,
        chart=draw(days) if days else None,
        horizon=horizon,
        now=now,
        said=said,
        unsearched=viewer.texts(f"unsearched.{asked.unsearched}") if asked.unsearched else None,
        back=_query(filters, asked.cursor),
        next_cursor=rows[-1].place.cursor() if len(found) > PAGE_ROWS else None,
        after=after,
        path="/",
    )


def _query(filters: Filters, cursor: str | None) -> str:
    return "&".join(part for part in (filters.query(), f"cursor={cursor}" if cursor else "") if part)


def add_lists(router: APIRouter, desk: Desk) -> None:
    """Routes that need a session that may look."""

    @router.get("/")
    async def alerts(request: Request) -> Response:
        viewer, session = await desk.signed_in(request)
        asked = await wanted(desk, request, session, request.query_params)
        return HTMLResponse(await list_page(desk, viewer, asked))

    @router.get("/console/alerts/{alert_id}")
    async def one(request: Request, alert_id: str) -> Response:
        viewer, _ = await desk.signed_in(request)
        values = await _one(desk, viewer, alert_id)
        alert = values["row"]["alert"]
        if request.query_params.get("part"):
            # The page asks for each panel by itself, so that no service holds up the alert.
            addresses = {name: address(alert.alert_id, name) for name in PANELS}
            return HTMLResponse(desk.renderer.page("drawer.html", viewer, addresses=addresses, panels={}, **values))
        panels = await all_panels(desk, request, viewer, of=(alert.alert_id, alert.customer_id))
        return HTMLResponse(desk.renderer.page("alert.html", viewer, addresses={}, panels=panels, **values))


async def _one(desk: Desk, viewer: Viewer, alert_id: str) -> dict[str, Any]:
    row = await desk.row(alert_id)
    async with desk.database.connection() as connection:
        others = await ConsoleStore(connection).list_rows_of_customer(row.alert.customer_id, MOST_OTHERS)
    now: datetime = desk.now()
    return {
        "row": desk.renderer.shown(row, viewer, now),
        "story": desk.renderer.story(row, viewer, now),
        "others": [
            desk.renderer.shown(other, viewer, now) for other in others if other.alert.alert_id != row.alert.alert_id
        ],
        "path": f"/console/alerts/{row.alert.alert_id}",
        "now": now,
    }
