"""/v1/webhooks: who is told of what, with which secret."""

from collections.abc import Awaitable, Collection
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Body, Depends, Path, Query, Response

from services.notify.domain.webhooks import Webhook
from services.notify.handlers.subscribing import ADMIN, Change, NotThere, Refused, Subscribing
from services.notify.http.webhook_bodies import (
    NEW_WEBHOOK,
    SECRET,
    WEBHOOK,
    FiltersBody,
    NewSecret,
    NewWebhook,
    WebhookChange,
    WebhookItem,
    WebhookPage,
    shown,
)
from shared.contracts import Principal
from shared.http import ApiError, PageRequest, cut, decode_position, page, requires
from shared.http.problems import PROBLEMS, Problem
from shared.http.schemas import example_response

T = TypeVar("T")

Subscriber = Annotated[Principal, Depends(requires("alerts:read", "notifications:read"))]
WebhookId = Annotated[UUID, Path(description="The id of a webhook.", examples=["5b0c8f0e-3f6d-4c5e-9a51-0f6f2f1d7c33"])]
Responses: TypeAlias = dict[int | str, dict[str, Any]]
CONFLICT: Responses = {409: {"model": Problem, "description": "It cannot be done as things are; `code` says why."}}
_STATUS = {"bad_url": 422, "unknown_owner": 422, "missing_scope": 403}
_SECRET_HEADERS = {"Cache-Control": "no-store"}


def webhook_routes(subscribing: Subscribing, staff_ids: Collection[str]) -> APIRouter:
    """Subscriptions. A principal sees and changes its own; admin all."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=PROBLEMS)
    _add_reading(router, subscribing)
    _add_creating(router, subscribing, staff_ids)
    _add_changing(router, subscribing, staff_ids)
    return router


def _add_reading(router: APIRouter, subscribing: Subscribing) -> None:
    @router.get(
        "",
        summary="Webhooks, newest first",
        response_model=WebhookPage,
        responses=example_response({"items": [WEBHOOK], "next_cursor": None}),
    )
    async def list_webhooks(wanted: Annotated[PageRequest, Query()], principal: Subscriber) -> Response:
        """Your own; with the scope admin everybody's."""
        after = decode_position(wanted.cursor)
        whose = None if ADMIN in principal.scopes else principal.principal_id
        async with subscribing.database.connection() as connection:
            store = subscribing.store(connection)
            found = await store.list_webhooks(whose, after=after, limit=wanted.limit + 1)
            total = await store.count_webhooks(whose) if wanted.total else None
        items, cursor = cut(found, wanted.limit, lambda one: (one.created_at.isoformat(), one.webhook_id))
        return json(page([_shown(subscribing, one) for one in items], cursor, total))

    @router.get("/{webhook_id}", summary="One webhook", response_model=WebhookItem, responses=example_response(WEBHOOK))
    async def get_webhook(webhook_id: WebhookId, principal: Subscriber) -> Response:
        """Says when and why it was disabled, if it was."""
        return json(_shown(subscribing, await answered(subscribing.get(principal, str(webhook_id)))))


def _add_creating(router: APIRouter, subscribing: Subscribing, staff_ids: Collection[str]) -> None:
    @router.post(
        "",
        status_code=201,
        summary="Subscribe",
        response_model=NewSecret,
        responses={
            **CONFLICT,
            **example_response(SECRET, status=201, description="Created; the secret is told this once."),
        },
    )
    async def create_webhook(
        body: Annotated[NewWebhook, Body(examples=[NEW_WEBHOOK])], principal: Subscriber
    ) -> Response:
        """Alert events take the scope alerts:read, notification events notifications:read. At most 20 webhooks each."""
        _check_owners(body.filters, staff_ids)
        change = Change(
            url=body.url, description=body.description, types=_unique(body.types), filters=body.filters.entity()
        )
        webhook, secret = await answered(subscribing.create(principal, change))
        return json({**_shown(subscribing, webhook), "secret": secret}, 201, _SECRET_HEADERS)

    @router.post(
        "/{webhook_id}/secret",
        summary="Make a new secret; the one before signs too for 24 hours",
        response_model=NewSecret,
        responses={**CONFLICT, **example_response(SECRET, description="The new secret, told this once.")},
    )
    async def rotate_secret(webhook_id: WebhookId, principal: Subscriber) -> Response:
        """Meanwhile `webhook-signature` holds two signatures. Of older secrets none signs any more."""
        webhook, secret = await answered(subscribing.rotate(principal, str(webhook_id)))
        return json({**_shown(subscribing, webhook), "secret": secret}, 200, _SECRET_HEADERS)


def _add_changing(router: APIRouter, subscribing: Subscribing, staff_ids: Collection[str]) -> None:
    @router.patch(
        "/{webhook_id}",
        summary="Change, disable or enable",
        response_model=WebhookItem,
        responses={**CONFLICT, **example_response(WEBHOOK)},
    )
    async def change_webhook(
        webhook_id: WebhookId, body: Annotated[WebhookChange, Body(examples=[{"enabled": True}])], principal: Subscriber
    ) -> Response:
        """Enabled again, it is told what waited for it, unless that waited for more than 7 days."""
        if body.filters is not None:
            _check_owners(body.filters, staff_ids)
        change = Change(
            url=body.url,
            description=body.description,
            describe="description" in body.model_fields_set,
            types=_unique(body.types) if body.types is not None else None,
            filters=body.filters.entity() if body.filters is not None else None,
            enabled=body.enabled,
        )
        return json(_shown(subscribing, await answered(subscribing.change(principal, str(webhook_id), change))))

    @router.delete(
        "/{webhook_id}", status_code=204, summary="Unsubscribe; what it was told is forgotten", response_class=Response
    )
    async def delete_webhook(webhook_id: WebhookId, principal: Subscriber) -> Response:
        """What waits for it is not told any more."""
        await answered(subscribing.delete(principal, str(webhook_id)))
        return Response(status_code=204)


async def answered(doing: Awaitable[T]) -> T:
    """What was asked for, or the problem that keeps it from being done."""
    try:
        return await doing
    except NotThere:
        raise ApiError(404, "not_found", "You have nothing with this id.") from None
    except Refused as error:
        raise ApiError(_STATUS.get(error.code, 409), error.code, error.detail, field=error.field) from None


def _check_owners(filters: FiltersBody, staff_ids: Collection[str]) -> None:
    unknown = sorted(set(filters.owners) - set(staff_ids))
    if unknown:
        raise ApiError(
            422, "unknown_owner", f"staff.yaml has nobody with the id {', '.join(unknown)}.", field="filters.owners"
        )


def _unique(types: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(types))


def _shown(subscribing: Subscribing, webhook: Webhook) -> dict[str, Any]:
    return shown(webhook, subscribing.vault.open(webhook))


def json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The answer."""
    return Response(msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/json")
