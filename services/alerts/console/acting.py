"""What people do from the page: one act on one or many alerts, each refused or done by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from services.alerts.console.desk import Desk, wants_page
from services.alerts.console.events import patch
from services.alerts.console.filters import Filters
from services.alerts.console.guard import local_path, read_form
from services.alerts.console.lists import list_page
from services.alerts.console.rendering import OUTCOMES, SPANS
from services.alerts.console.search import Wanted, wanted
from services.alerts.console.store import ConsoleStore
from services.alerts.console.viewer import Viewer, local_instant
from services.alerts.domain import lifecycle
from services.alerts.domain.entities import AlertOutcome
from services.alerts.domain.lifecycle import Refusal
from services.alerts.handlers import Change
from shared.http.problems import ApiError

MOST_AT_ONCE = 200
LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to which alerts."""

    act: str
    alert_ids: tuple[str, ...]
    change: Change


def add_acts(router: APIRouter, desk: Desk) -> None:
    """One route for all acts. Without JavaScript the answer is the list again, with what was refused at its rows."""

    @router.post("/console/acts")
    async def act(request: Request) -> Response:
        viewer, session = await desk.signed_in(request)
        if not session.may_act:
            raise ApiError(403, "missing_scope", "This key may look but not act.")
        fields = await read_form(request)
        form = dict(fields)

        async def before() -> Wanted:
            return await wanted(desk, request, session, dict(parse_qsl(form.get("back", ""))))

        try:
            order = _order(desk, viewer, fields)
        except ApiError as error:
            if not wants_page(request) or error.code == "not_valid":
                raise
            asked, said = await before(), viewer.texts.code("error", error.code)
            return HTMLResponse(await list_page(desk, viewer, asked, said=said), error.status)
        refusals = await _carry_out(desk, order, request.state.correlation_id)
        said_at = {alert_id: viewer.texts.code("refusal", code) for alert_id, code in refusals.items()}
        if not wants_page(request):
            return await _answer(desk, viewer, order, said_at, filters=(await before()).filters)
        to = form.get("to")
        if refusals and not to:
            return HTMLResponse(await list_page(desk, viewer, await before(), refusals=said_at))
        if refusals:
            raise ApiError(409, next(iter(refusals.values())), next(iter(said_at.values())))
        return RedirectResponse(local_path(to or f"/?{form.get('back', '')}"), 303)


def _order(desk: Desk, viewer: Viewer, fields: Sequence[tuple[str, str]]) -> Order:
    """Raises ApiError 422 with a code that says what is missing."""
    form = dict(fields)
    act, text = form.get("act", ""), form.get("text", "").strip().replace("\0", "")
    alert_ids = _ids(value for name, value in fields if name == "alert_id")
    if not alert_ids:
        raise ApiError(422, "none_selected", "No alert is selected.")
    if len(alert_ids) > MOST_AT_ONCE:
        raise ApiError(422, "too_many_selected", "Too many alerts are selected.")
    if len(text) > LONGEST_TEXT:
        raise ApiError(422, "text_too_long", "The text is too long.", field="text")
    assert viewer.session is not None
    principal_id = viewer.session.principal.principal_id
    if act == "resolve":
        if not text:
            raise ApiError(422, "reason_missing", "Say why.", field="text")
        outcome = cast(AlertOutcome, form["outcome"]) if form.get("outcome") in OUTCOMES else None
        actor = desk.acts.actor(principal_id, reason=text)
        return Order(act, alert_ids, partial(lifecycle.close, actor=actor, outcome=outcome))
    if act == "comment":
        if not text:
            raise ApiError(422, "comment_missing", "Say something.", field="text")
        return Order(act, alert_ids, partial(lifecycle.comment, actor=desk.acts.actor(principal_id, comment=text)))
    changes = {"acknowledge": lifecycle.acknowledge, "snooze": lifecycle.snooze}
    if act not in changes:
        raise ApiError(422, "not_valid", "There is no such act.", field="act")
    until = _until(form, viewer, desk.now())
    actor = desk.acts.actor(principal_id, comment=text or None)
    return Order(act, alert_ids, partial(changes[act], actor=actor, until=until))


def _ids(values: Iterable[str]) -> tuple[str, ...]:
    found = []
    for value in values:
        try:
            found.append(str(UUID(value)))
        except ValueError:
            raise ApiError(422, "not_valid", "An id is not one of an alert.", field="alert_id") from None
    return tuple(dict.fromkeys(found))


def _until(form: dict[str, str], viewer: Viewer, now: datetime) -> datetime:
    if form.get("until"):
        instant = local_instant(form["until"], viewer.zone)
        if instant is None:
            raise ApiError(422, "until_unreadable", "The time cannot be read.", field="until")
        return instant
    minutes = SPANS.get(form.get("for", ""))
    if minutes is None:
        raise ApiError(422, "until_missing", "Say until when.", field="for")
    return now + timedelta(minutes=minutes)


async def _carry_out(desk: Desk, order: Order, correlation_id: str) -> dict[str, str]:
    """The codes of what was refused, by alert."""
    refusals = {}
    for alert_id in order.alert_ids:
        after = await desk.acts.act(alert_id, order.act, order.change, correlation_id)
        if after is None:
            refusals[alert_id] = "not_found"
        elif isinstance(after, Refusal):
            refusals[alert_id] = after.code
    return refusals


async def _answer(desk: Desk, viewer: Viewer, order: Order, refusals: dict[str, str], *, filters: Filters) -> Response:
    """What was refused, in words, and the rows as they are now, so that the page need not wait for the stream."""
    async with desk.database.connection() as connection:
        rows = await ConsoleStore(connection).get_rows(order.alert_ids)
    now = desk.now()
    shown = []
    for row in rows:
        refusal = refusals.get(row.alert.alert_id)
        # What was refused stays in sight, so that its reason does.
        belongs = refusal is not None or filters.matches(row.alert, row.customer.references)
        shown.append(patch(row, desk.renderer.row(row, viewer, now, refusal) if belongs else None))
    done = len(order.alert_ids) - len(refusals)
    said = viewer.texts(f"done.{order.act}", n=done) if done else ""
    return JSONResponse({"done": done, "said": said, "refusals": refusals, "rows": shown})
