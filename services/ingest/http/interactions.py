"""POST /v1/interactions: the way in for every other system."""

import math
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.domain.entities import Emitter
from services.ingest.domain.quota import Quota
from services.ingest.handlers.decoding import MAX_EVENTS, NotJson, decode_events
from services.ingest.handlers.interactions import Reception
from services.ingest.http.body import check_headers
from services.ingest.http.openapi import INTERACTIONS_OPERATION, INTERACTIONS_RESPONSES
from services.ingest.metrics import IngestMetrics
from shared.clock import real_now
from shared.contracts import Principal
from shared.errors import TransientError
from shared.http import ApiError, requires

RETRY_SECONDS = 1


def create_router(reception: Reception, *, quota: Quota, metrics: IngestMetrics) -> APIRouter:
    """The routes of ingest."""
    router = APIRouter()
    encoder = msgspec.json.Encoder()

    @router.post(
        "/v1/interactions",
        status_code=202,
        summary="Send what happened",
        openapi_extra=INTERACTIONS_OPERATION,
        responses=INTERACTIONS_RESPONSES,
        response_class=Response,
    )
    async def receive(
        request: Request, principal: Annotated[Principal, Depends(requires("interactions:write"))]
    ) -> Response:
        """One CloudEvent or an array of up to 500, 1 MiB at most.

        Answered once what was accepted is durable: acknowledged by the broker, or, should that take too long, stored
        here to be sent as soon as it answers. A bad event spoils only itself. After 503, 429 or no answer send the same
        again: the ids make what arrived twice count once.
        """
        check_headers(request)
        body = await request.body()
        try:
            events = decode_events(body)
        except NotJson:
            raise ApiError(400, "not_json", "Send one CloudEvent or an array of them as JSON in UTF-8.") from None
        if len(events) > MAX_EVENTS:
            raise ApiError(413, "too_many_events", f"Send at most {MAX_EVENTS} events at once.")
        if wait := quota.take(principal.principal_id, len(events), at=real_now()):
            metrics.limited.inc()
            raise ApiError(
                429, "rate_limited", "This key sends too much at once.", headers={"Retry-After": str(math.ceil(wait))}
            )
        emitter = Emitter(principal.name, principal.namespace)
        try:
            receipt = await reception.receive(events, emitter, request.state.correlation_id)
        except TransientError:
            raise not_acknowledged() from None
        return Response(
            encoder.encode(receipt), status_code=202 if receipt.accepted else 422, media_type="application/json"
        )

    return router


def not_acknowledged() -> ApiError:
    """The answer when nobody knows whether what was sent is durable."""
    return ApiError(
        503,
        "not_acknowledged",
        "Neither the broker nor the store took it in time. Send the same again; what arrived already counts once.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
