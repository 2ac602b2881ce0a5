"""The addresses of the page: `/`, and everything else under `/console`. None of them is part of the API."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.alerts.console.acting import add_acts
from services.alerts.console.desk import Desk
from services.alerts.console.guard import guarded
from services.alerts.console.lists import add_lists
from services.alerts.console.panels import add_panels
from services.alerts.console.search import wanted
from services.alerts.console.visits import add_visits


def console_routes(desk: Desk) -> APIRouter:
    """Everything a browser asks for."""
    router = APIRouter(include_in_schema=False, route_class=guarded(desk.refuse), default_response_class=Response)
    add_visits(router, desk)
    add_lists(router, desk)
    add_panels(router, desk)
    add_acts(router, desk)
    _add_events(router, desk)
    return router


def _add_events(router: APIRouter, desk: Desk) -> None:
    streams = desk.streams()

    @router.get("/console/events")
    async def events(request: Request) -> Response:
        viewer, session = await desk.signed_in(request)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        horizon = int(since) if since.isascii() and since.isdigit() and len(since) <= 18 else None
        asked = await wanted(desk, request, session, request.query_params)
        stream = streams.open(viewer, session, asked.filters, horizon)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
