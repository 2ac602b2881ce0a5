"""The list of alerts, and one alert with its story and the customer's others."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.alerts.console.desk import Desk
from services.alerts.console.filters import Filters, filters_of, place_of
from services.alerts.console.store import ConsoleStore, Row
from services.alerts.console.viewer import Viewer
from shared.http.problems import ApiError

PAGE_ROWS = 50
MOST_OTHERS = 50


async def list_page(
    desk: Desk,
    viewer: Viewer,
    query: dict[str, str],
    *,
    refusals: dict[str, str] | None = None,
    said: str | None = None,
) -> str:
    """The list an address asks for; `refusals` are shown at their rows, `said` above them all."""
    filters, after = filters_of(query), place_of(query.get("cursor"))
    async with desk.database.connection() as connection:
        store = ConsoleStore(connection)
        # First: what changes from now on is told by the stream, which begins here.
        horizon = await store.get_horizon()
        found = await store.list_rows(filters, after, PAGE_ROWS + 1)
        counts = await store.count_open()
    now = desk.now()
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
        horizon=horizon,
        now=now,
        said=said,
        back=_query(filters, query.get("cursor")),
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
        viewer, _ = await desk.signed_in(request)
        return HTMLResponse(await list_page(desk, viewer, dict(request.query_params)))

    @router.get("/console/alerts/{alert_id}")
    async def one(request: Request, alert_id: str) -> Response:
        viewer, _ = await desk.signed_in(request)
        values = await _one(desk, viewer, alert_id)
        template = "drawer.html" if request.query_params.get("part") else "alert.html"
        return HTMLResponse(desk.renderer.page(template, viewer, **values))


async def _one(desk: Desk, viewer: Viewer, alert_id: str) -> dict[str, Any]:
    row, others = await _with_others(desk, alert_id)
    now: datetime = desk.now()
    return {
        "row": desk.renderer.shown(row, viewer, now),
        "story": desk.renderer.story(row, viewer, now),
        "others": [desk.renderer.shown(other, viewer, now) for other in others],
        "path": f"/console/alerts/{row.alert.alert_id}",
        "now": now,
    }


async def _with_others(desk: Desk, alert_id: str) -> tuple[Row, list[Row]]:
    try:
        known = str(UUID(alert_id))
    except ValueError:
        known = None
    async with desk.database.connection() as connection:
        store = ConsoleStore(connection)
        rows = await store.get_rows([known]) if known else []
        if not rows:
            raise ApiError(404, "not_found", "There is no alert with this id.")
        others = await store.list_rows_of_customer(rows[0].alert.customer_id, MOST_OTHERS)
    return rows[0], [other for other in others if other.alert.alert_id != known]
