"""GET /v1/notifications: what was sent, held, dropped, and why."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from services.notify.domain.entities import Notification, Status
from services.notify.domain.limits import NotificationFilter
from services.notify.domain.reasons import Reason
from shared.contracts import Notification as NotificationContract
from shared.http import ApiError, Instant, PageRequest, cut, decode_position, page, requires
from shared.http.problems import PROBLEMS
from shared.http.schemas import example_of, example_response, page_of
from shared.postgres import Connection, Database


class NotificationStore(Protocol):
    """What these routes need of the store."""

    async def get_notification(self, notification_id: str) -> Notification | None: ...
    async def list_notifications(
        self, wanted: NotificationFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Notification]: ...
    async def count_notifications(self, wanted: NotificationFilter) -> int: ...


class NotificationPage(BaseModel):
    """A part of the list."""

    items: list[Notification]
    next_cursor: str | None
    total: int | None = None


_EXAMPLE = example_of(NotificationContract)


class Filters(PageRequest):
    """Query parameters of the list."""

    alert_id: UUID | None = Field(default=None, description="About this alert only.")
    customer_id: UUID | None = Field(default=None, description="About this customer only.")
    status: Status | None = Field(default=None, description="What became of them.", examples=["sent"])
    reason: Reason | None = Field(default=None, description="Why they were not sent.", examples=["no_consent"])
    since: Instant | None = Field(
        default=None, description="Only causes at or after this instant.", examples=["2026-01-30T12:00:00Z"]
    )

    def wanted(self) -> NotificationFilter:
        return NotificationFilter(
            alert_id=str(self.alert_id) if self.alert_id else None,
            customer_id=str(self.customer_id) if self.customer_id else None,
            status=self.status,
            reason=self.reason,
            since=self.since,
        )


def notification_routes(database: Database, store: Callable[[Connection], NotificationStore]) -> APIRouter:
    """Reads only."""
    router = APIRouter(
        prefix="/v1/notifications",
        tags=["notifications"],
        dependencies=[Depends(requires("notifications:read"))],
        responses=PROBLEMS,
    )

    page_shown = example_response(page_of(_EXAMPLE), description="A page of notifications")

    @router.get("", summary="Notifications, newest cause first", response_model=NotificationPage, responses=page_shown)
    async def list_notifications(filters: Annotated[Filters, Query()]) -> Response:
        after = decode_position(filters.cursor)
        async with database.connection() as connection:
            reading = store(connection)
            found = await reading.list_notifications(filters.wanted(), after=after, limit=filters.limit + 1)
            total = await reading.count_notifications(filters.wanted()) if filters.total else None
        items, cursor = cut(found, filters.limit, lambda one: (one.cause_at.isoformat(), one.notification_id))
        return _json(page(items, cursor, total))

    @router.get(
        "/{notification_id}",
        summary="One notification",
        response_model=Notification,
        responses=example_response(_EXAMPLE, description="The notification"),
    )
    async def get_notification(notification_id: UUID) -> Response:
        async with database.connection() as connection:
            found = await store(connection).get_notification(str(notification_id))
        if found is None:
            raise ApiError(404, "not_found", "There is no notification with this id.")
        return _json(found)

    return router


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
