"""/v1/alerts: what needs somebody, and what people do about it."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.alerts.domain import lifecycle
from services.alerts.domain.entities import Alert, AlertOutcome, Condition, Handling, Severity
from services.alerts.domain.lifecycle import Refusal
from services.alerts.handlers import Acts, Change, OpenStore, Search, Stored
from shared.contracts import Alert as AlertContract
from shared.contracts import Principal
from shared.http.access import requires
from shared.http.pages import Instant, PageRequest, cut, decode_position, page
from shared.http.problems import PROBLEMS, ApiError, Problem
from shared.http.schemas import example_of, example_response, page_of
from shared.postgres import Database

Comment = Annotated[
    str | None, Field(max_length=2_000, description="Free text for colleagues.", examples=["I call her tomorrow."])
]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No alert has this id"}}
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Problem,
        "description": "The act makes no sense now: `condition_ended`, `already_closed` or `too_many_comments`",
    }
}


@dataclass(slots=True, kw_only=True)
class AlertItem(Alert):
    """An alert as the API shows it: as on alerts.v1, with the version of its snapshot."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """One page of a list."""

    items: list[AlertItem]
    next_cursor: str | None
    total: int | None = None


_EXAMPLE = example_of(AlertContract, version=1769774400123456)
_PAGE_EXAMPLE = example_response(page_of(_EXAMPLE), description="A page of alerts")
_ITEM: dict[str, Any] = {"model": AlertItem, **example_response(_EXAMPLE, description="The alert as it is now")[200]}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Promise(_Body):
    """Until when somebody will have seen to it, or nobody wants to hear of it."""

    until: Instant = Field(
        description="An instant in the future; the alert opens again then if it still fires.",
        examples=["2026-02-01T12:00:00Z"],
    )
    comment: Comment = None


class Closing(_Body):
    """Why people are done with an alert, and what came of it."""

    reason: str = Field(
        min_length=1, max_length=2_000, description="Why, in your own words.", examples=["She has moved."]
    )
    outcome: AlertOutcome | None = Field(
        default=None, description="What came of it, if that is known.", examples=["retained"]
    )


class Remark(_Body):
    """Something for colleagues to know."""

    comment: str = Field(
        min_length=1, max_length=2_000, description="Free text for colleagues.", examples=["She asked for an offer."]
    )


class Filters(PageRequest):
    """What a list is narrowed to. All filters apply at once."""

    model_config = ConfigDict(extra="forbid")

    rule: str | None = Field(default=None, description="Id of the rule.", examples=["no-purchase-90d"])
    condition: Condition | None = Field(default=None, description="What is the case.", examples=["firing"])
    handling: Handling | None = Field(default=None, description="What people did.", examples=["open"])
    severity: Severity | None = Field(default=None, description="As the rule says.", examples=["critical"])
    customer_id: UUID | None = Field(default=None, description="Of this customer only.")
    owner: str | None = Field(default=None, description="Staff id of the account owner.", examples=["ada"])
    open_at: Instant | None = Field(
        default=None,
        description="Held at this instant: fired before it, not ended by then, not retracted.",
        examples=["2026-01-30T12:00:00Z"],
    )


def create_router(acts: Acts, *, database: Database, store: OpenStore) -> APIRouter:
    """The routes of alerts."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
    _add_reading(router, database, store)
    _add_acts(router, acts)
    return router


def _add_reading(router: APIRouter, database: Database, store: OpenStore) -> None:
    readers = [Depends(requires("alerts:read"))]

    @router.get(
        "",
        summary="Alerts, newest firing first",
        dependencies=readers,
        responses={**PROBLEMS, 200: {"model": AlertPage, **_PAGE_EXAMPLE[200]}},
        response_class=Response,
    )
    async def list_alerts(filters: Annotated[Filters, Query()]) -> Response:
        search = _search(filters)
        async with database.connection() as connection:
            rows = await store(connection).list_alerts(search, filters.limit + 1)
            total = await store(connection).count_alerts(search) if filters.total else None
        shown, cursor = cut(rows, filters.limit, lambda row: (row.alert.fired_at.isoformat(), row.alert.alert_id))
        return _json(page([_item(row) for row in shown], cursor, total))

    @router.get(
        "/{alert_id}",
        summary="One alert with its whole history",
        dependencies=readers,
        responses={**PROBLEMS, **_MISSING, 200: _ITEM},
        response_class=Response,
    )
    async def get_alert(alert_id: UUID) -> Response:
        async with database.connection() as connection:
            row = await store(connection).get_alert(str(alert_id))
        return _json(_item(_found(row)))


def _add_acts(router: APIRouter, acts: Acts) -> None:
    writer = Annotated[Principal, Depends(requires("alerts:write"))]
    answers: dict[int | str, dict[str, Any]] = {**PROBLEMS, **_MISSING, **_CONFLICT, 200: _ITEM}

    @router.post(
        "/{alert_id}/acknowledge",
        summary="Promise to see to it by an instant",
        responses=answers,
        response_class=Response,
    )
    async def acknowledge(alert_id: UUID, body: Promise, request: Request, principal: writer) -> Response:
        actor = acts.actor(principal.principal_id, comment=body.comment)
        change = partial(lifecycle.acknowledge, actor=actor, until=body.until)
        return await _act(acts, request, alert_id, "acknowledge", change)

    @router.post(
        "/{alert_id}/snooze",
        summary="Hear nothing of it until an instant",
        responses=answers,
        response_class=Response,
    )
    async def snooze(alert_id: UUID, body: Promise, request: Request, principal: writer) -> Response:
        actor = acts.actor(principal.principal_id, comment=body.comment)
        change = partial(lifecycle.snooze, actor=actor, until=body.until)
        return await _act(acts, request, alert_id, "snooze", change)

    @router.post(
        "/{alert_id}/resolve",
        summary="Be done with it, whatever its condition does",
        responses=answers,
        response_class=Response,
    )
    async def resolve(alert_id: UUID, body: Closing, request: Request, principal: writer) -> Response:
        actor = acts.actor(principal.principal_id, reason=body.reason)
        change = partial(lifecycle.close, actor=actor, outcome=body.outcome)
        return await _act(acts, request, alert_id, "resolve", change)

    @router.post(
        "/{alert_id}/comment",
        summary="Say something about it, also after it ended",
        responses=answers,
        response_class=Response,
    )
    async def comment(alert_id: UUID, body: Remark, request: Request, principal: writer) -> Response:
        actor = acts.actor(principal.principal_id, comment=body.comment)
        return await _act(acts, request, alert_id, "comment", partial(lifecycle.comment, actor=actor))


async def _act(acts: Acts, request: Request, alert_id: UUID, name: str, change: Change) -> Response:
    after = await acts.act(str(alert_id), name, change, request.state.correlation_id)
    if isinstance(after, Refusal):
        if after.code == "until_passed":
            raise ApiError(422, after.code, after.detail, field="until")
        raise ApiError(409, after.code, after.detail)
    return _json(_item(_found(after)))


def _search(filters: Filters) -> Search:
    return Search(
        rule=filters.rule,
        condition=filters.condition,
        handling=filters.handling,
        severity=filters.severity,
        owner=filters.owner,
        customer_id=str(filters.customer_id) if filters.customer_id is not None else None,
        open_at=filters.open_at,
        after=decode_position(filters.cursor),
    )


def _found(row: Stored | None) -> Stored:
    if row is None:
        raise ApiError(404, "not_found", "There is no alert with this id.")
    return row


def _item(row: Stored) -> dict[str, Any]:
    return {**msgspec.to_builtins(row.alert), "version": row.version}


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
