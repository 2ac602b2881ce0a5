"""/v1/webhooks/{id}/deliveries: what a webhook was told, and telling it again; and a test that is sent at once."""

import asyncio
from typing import Annotated, Any, Protocol
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from services.notify.domain.deliveries import Answer, Status
from services.notify.domain.webhooks import TEST_TYPE, Target
from services.notify.handlers import Subscribing
from services.notify.http.webhook_bodies import (
    DELIVERY,
    DETAIL,
    TEST,
    DeliveryDetail,
    DeliveryItem,
    DeliveryPage,
    TestResult,
    shown_delivery,
    shown_results,
)
from services.notify.http.webhooks import CONFLICT, Subscriber, WebhookId, answered, json
from shared.clock import Clock, real_now
from shared.http import ApiError, PageRequest, cut, decode_position, page
from shared.http.problems import PROBLEMS, Problem
from shared.http.schemas import example_response

EventId = Annotated[
    UUID,
    Path(
        description="The id of an event: its `webhook-id` header, `items[].event_id` of the list.",
        examples=["8e6f6a0c-2a55-5b7b-8f0a-6a0f5f5b1c44"],
    ),
]
TESTS_AT_ONCE = 5
_BUSY: dict[int | str, dict[str, Any]] = {429: {"model": Problem, "description": "Other tests are under way."}}


class Gateway(Protocol):
    """Makes one attempt."""

    async def send(self, target: Target, event_id: str, body: bytes) -> Answer: ...


class DeliveryFilters(PageRequest):
    """What the list is narrowed to."""

    status: Status | None = Field(default=None, description="What became of them.", examples=["exhausted"])


def delivery_routes(subscribing: Subscribing, gateway: Gateway, clock: Clock) -> APIRouter:
    """What became of events; of one's own webhooks, admin of all."""
    router = APIRouter(prefix="/v1/webhooks/{webhook_id}", tags=["webhooks"], responses=PROBLEMS)
    _add_reading(router, subscribing)
    _add_sending(router, subscribing, gateway, clock)
    return router


def _add_reading(router: APIRouter, subscribing: Subscribing) -> None:
    @router.get(
        "/deliveries",
        summary="What a webhook was told, newest first",
        response_model=DeliveryPage,
        responses=example_response({"items": [DELIVERY], "next_cursor": None}),
    )
    async def list_deliveries(
        webhook_id: WebhookId, wanted: Annotated[DeliveryFilters, Query()], principal: Subscriber
    ) -> Response:
        """Kept for 30 days."""
        after = decode_position(wanted.cursor)
        await answered(subscribing.get(principal, str(webhook_id)))
        async with subscribing.database.connection() as connection:
            store = subscribing.store(connection)
            found = await store.list_deliveries(str(webhook_id), wanted.status, after=after, limit=wanted.limit + 1)
            total = await store.count_deliveries(str(webhook_id), wanted.status) if wanted.total else None
        items, cursor = cut(found, wanted.limit, lambda one: (one.created_at.isoformat(), one.event_id))
        return json(page([shown_delivery(one) for one in items], cursor, total))

    @router.get(
        "/deliveries/{event_id}",
        summary="One delivery with what was sent and its last attempts",
        response_model=DeliveryDetail,
        responses=example_response(DETAIL),
    )
    async def get_delivery(webhook_id: WebhookId, event_id: EventId, principal: Subscriber) -> Response:
        """The last 10 attempts, newest first."""
        await answered(subscribing.get(principal, str(webhook_id)))
        async with subscribing.database.connection() as connection:
            found = await subscribing.store(connection).get_delivery(str(webhook_id), str(event_id))
        if found is None:
            raise ApiError(404, "not_found", "You have nothing with this id.")
        body = msgspec.Raw(found.body)
        return json({**shown_delivery(found), "results": shown_results(found.results), "body": body})


def _add_sending(router: APIRouter, subscribing: Subscribing, gateway: Gateway, clock: Clock) -> None:
    @router.post(
        "/deliveries/{event_id}/redeliver",
        status_code=202,
        summary="Tell an event again, whatever became of it",
        response_model=DeliveryItem,
        responses={
            **CONFLICT,
            **example_response(
                {**DELIVERY, "status": "pending", "attempts": 0}, status=202, description="It is due now."
            ),
        },
    )
    async def redeliver(webhook_id: WebhookId, event_id: EventId, principal: Subscriber) -> Response:
        """Under the same id and with the same body, from the first attempt on."""
        return json(
            shown_delivery(await answered(subscribing.redeliver(principal, str(webhook_id), str(event_id)))), 202
        )

    tests = asyncio.Semaphore(TESTS_AT_ONCE)

    @router.post(
        "/test",
        summary="Send a `webhook.test` event now, and hear what the receiver says",
        response_model=TestResult,
        responses={**CONFLICT, **_BUSY, **example_response(TEST, description="What the receiver said.")},
    )
    async def test_webhook(webhook_id: WebhookId, principal: Subscriber) -> Response:
        """One attempt, also to a disabled webhook; it is not kept and not repeated."""
        webhook, target = await answered(subscribing.target(principal, str(webhook_id)))
        if tests.locked():
            raise ApiError(429, "busy", "Other tests are under way.", headers={"Retry-After": "1"})
        event_id, at = str(uuid4()), real_now()
        event = {"type": TEST_TYPE, "timestamp": clock.now(), "data": {"webhook_id": webhook.webhook_id}}
        async with tests:
            answer = await gateway.send(target, event_id, msgspec.json.encode(event))
        return json(
            {
                "event_id": event_id,
                "at": at,
                "outcome": answer.outcome,
                "status": answer.status,
                "seconds": round(answer.seconds, 3),
                "answer": answer.text,
            }
        )
