"""GET /v1/notifications: what was sent, held, dropped, and why."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel

from services.notify.domain.entities import Notification, Status
from services.notify.domain.limits import NotificationFilter
from services.notify.domain.reasons import Reason
from shared.http import ApiError, decode_cursor, encode_cursor, page, requires
from shared.http.problems import PROBLEMS
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


class Filters(BaseModel):
    """Query parameters of the list."""

    alert_id: UUID | None = None
    customer_id: UUID | None = None
    status: Status | None = None
    reason: Reason | None = None
    since: Annotated[AwareDatetime | None, Query(description="Only causes at or after this instant.")] = None
    cursor: str | None = None
    limit: Annotated[int, Query(ge=1, le=1000)] = 100
    total: bool = False

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

    @router.get("", summary="Notifications, newest cause first", response_model=NotificationPage)
    async def list_notifications(filters: Annotated[Filters, Query()]) -> Response:
        after = _after(filters.cursor)
        async with database.connection() as connection:
            reading = store(connection)
            found = await reading.list_notifications(filters.wanted(), after=after, limit=filters.limit + 1)
            total = await reading.count_notifications(filters.wanted()) if filters.total else None
        items, more = found[: filters.limit], len(found) > filters.limit
        cursor = encode_cursor(items[-1].cause_at.isoformat(), items[-1].notification_id) if more else None
        return _json(page(list(items), cursor, total))

    @router.get("/{notification_id}", summary="One notification", response_model=Notification)
    async def get_notification(notification_id: UUID) -> Response:
        async with database.connection() as connection:
            found = await store(connection).get_notification(str(notification_id))
        if found is None:
            raise ApiError(404, "not_found", "There is no notification with this id.")
        return _json(found)

    return router


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    cause_at, notification_id = decode_cursor(cursor, str, str)
    try:
        instant = datetime.fromisoformat(cause_at)
        if instant.tzinfo is None:
            raise ValueError
        return instant, str(UUID(notification_id))
    except ValueError:
        raise ApiError(422, "bad_cursor", "The cursor is not one that this list gave.", field="cursor") from None


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
