"""/v1/quarantine: records of the inbound topic that were refused, as they came, and what people decide about them."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.domain.entities import Code
from services.ingest.domain.quarantine import Content, Quarantined, QuarantineFilter, Status
from services.ingest.handlers.decoding import NotJson, decode_event
from services.ingest.handlers.quarantine import AlreadySettled, NotQuarantined, Quarantine, QuarantineStore
from services.ingest.http.body import check_headers
from services.ingest.http.interactions import not_acknowledged
from services.ingest.http.openapi import (
    DISCARD_RESPONSES,
    QUARANTINE_PAGE_RESPONSES,
    QUARANTINED_RESPONSES,
    RESUBMIT_OPERATION,
    RESUBMIT_RESPONSES,
)
from shared.contracts import Principal
from shared.errors import TransientError
from shared.http import ApiError, PageRequest, cut, decode_position, page, requires
from shared.http.problems import PROBLEMS
from shared.postgres import Connection, Database

Admin = Annotated[Principal, Depends(requires("admin"))]


class QuarantineShelf(QuarantineStore, Protocol):
    """What of the store is needed here."""

    async def get_quarantined(self, quarantine_id: str) -> tuple[Quarantined, Content] | None: ...

    async def list_quarantine(
        self, wanted: QuarantineFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Quarantined]: ...

    async def count_quarantine(self, wanted: QuarantineFilter) -> int: ...


class Filters(PageRequest):
    """What the list is narrowed to. All filters apply at once."""

    model_config = ConfigDict(extra="forbid")

    code: Code | None = Field(default=None, description="Why they were refused.", examples=["missing"])
    topic: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="The topic they came from, by its full name.",
        examples=["interactions.inbound.v1"],
    )
    status: Status | None = Field(default=None, description="What became of them.", examples=["open"])

    def wanted(self) -> QuarantineFilter:
        return QuarantineFilter(
            code=self.code.value if self.code else None,
            topic=self.topic,
            status=self.status.value if self.status else None,
        )


def quarantine_routes(
    quarantine: Quarantine, *, database: Database, store: Callable[[Connection], QuarantineShelf]
) -> APIRouter:
    """Raw records hold personal data, so all of it takes the scope admin."""
    router = APIRouter(
        prefix="/v1/quarantine", tags=["quarantine"], dependencies=[Depends(requires("admin"))], responses=PROBLEMS
    )
    _add_reading(router, database, store)
    _add_acts(router, quarantine, database, store)
    return router


def _add_reading(router: APIRouter, database: Database, store: Callable[[Connection], QuarantineShelf]) -> None:
    @router.get(
        "", summary="Refused records, newest first", responses=QUARANTINE_PAGE_RESPONSES, response_class=Response
    )
    async def list_quarantine(filters: Annotated[Filters, Query()]) -> Response:
        after = decode_position(filters.cursor)
        async with database.connection() as connection:
            reading = store(connection)
            found = await reading.list_quarantine(filters.wanted(), after=after, limit=filters.limit + 1)
            total = await reading.count_quarantine(filters.wanted()) if filters.total else None
        items, cursor = cut(found, filters.limit, lambda one: (one.received_at.isoformat(), one.quarantine_id))
        return _json(page(items, cursor, total))

    @router.get(
        "/{quarantine_id}",
        summary="One refused record with its raw content",
        responses=QUARANTINED_RESPONSES,
        response_class=Response,
    )
    async def get_quarantined(quarantine_id: UUID) -> Response:
        async with database.connection() as connection:
            found = await store(connection).get_quarantined(str(quarantine_id))
        if found is None:
            raise _not_there()
        entry, content = found
        headers = [{"name": name, "value": _shown(value)} for name, value in content.headers]
        raw = {"key": _shown(content.key), "value": _shown(content.value), "headers": headers}
        return _json({**msgspec.to_builtins(entry), "content": raw})


def _add_acts(
    router: APIRouter, quarantine: Quarantine, database: Database, store: Callable[[Connection], QuarantineShelf]
) -> None:
    @router.post(
        "/{quarantine_id}/resubmit",
        status_code=202,
        summary="Send a record again, repaired or as it is",
        openapi_extra=RESUBMIT_OPERATION,
        responses=RESUBMIT_RESPONSES,
        response_class=Response,
    )
    async def resubmit(quarantine_id: UUID, request: Request, principal: Admin) -> Response:
        """The body is the repaired CloudEvent; without one the record is judged as it came.

        Taken: published, acknowledged by the broker and marked. Refused: the record stays. After 503 or no answer send
        the same again; the ids make what arrived twice count once.
        """
        repaired = await _repaired(request)
        try:
            async with database.transaction() as connection:
                receipt = await quarantine.resubmit(
                    store(connection),
                    str(quarantine_id),
                    repaired,
                    by=principal.principal_id,
                    correlation_id=request.state.correlation_id,
                )
        except NotQuarantined:
            raise _not_there() from None
        except AlreadySettled as error:
            raise _settled(error) from None
        except TransientError:
            raise not_acknowledged() from None
        return _json(receipt, 202 if receipt.accepted else 422)

    @router.post(
        "/{quarantine_id}/discard",
        summary="Decide that a record is not needed",
        responses=DISCARD_RESPONSES,
        response_class=Response,
    )
    async def discard(quarantine_id: UUID, principal: Admin) -> Response:
        """It stays on record, with who decided and when."""
        try:
            async with database.transaction() as connection:
                entry = await quarantine.discard(store(connection), str(quarantine_id), by=principal.principal_id)
        except NotQuarantined:
            raise _not_there() from None
        except AlreadySettled as error:
            raise _settled(error) from None
        return _json(entry)


async def _repaired(request: Request) -> Any:
    """The event in the body, or None when there is no body."""
    body = await request.body()
    if not body.strip():
        return None
    check_headers(request)
    try:
        event = decode_event(body)
    except NotJson:
        raise ApiError(400, "not_json", "Send the repaired CloudEvent as JSON in UTF-8, or no body.") from None
    # A body of `null` is an event that is none, not the wish to send the record as it is.
    return [] if event is None else event


def _shown(raw: bytes | None) -> dict[str, str] | None:
    """As text where it is text, else in base64."""
    if raw is None:
        return None
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _not_there() -> ApiError:
    return ApiError(404, "not_found", "Nothing in quarantine has this id.")


def _settled(error: AlreadySettled) -> ApiError:
    return ApiError(409, "already_settled", f"This record was {error.status} before.")


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
