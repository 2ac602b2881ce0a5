"""The page behind unsubscribe links. No login: the token is the permission. Looking at it changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.notify.domain.entities import Contact
from services.notify.domain.locales import locale_for
from services.notify.domain.unsubscribe import act_of, customer_of
from services.notify.metrics import NotifyMetrics
from shared.clock import Clock
from shared.http import ApiError
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}


class SuppressionStore(Protocol):
    """What the page needs of the store."""

    async def get_contacts(self, customer_ids: Sequence[str]) -> Mapping[str, Contact]: ...
    async def append_suppression(self, customer_id: str, at: datetime) -> bool: ...
    async def append_outbox(self, event: Mapping[str, Any]) -> None: ...


class Pages(Protocol):
    """Renders pages by name."""

    def page(self, template: str, locale: str) -> str: ...


class Unsubscribing:
    """Knows whom a token stands for, and stores that they want no more mail."""

    def __init__(
        self, database: Database, store: Callable[[Connection], SuppressionStore], *, secret: bytes, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._secret = secret
        self._clock = clock

    async def locale(self, token: str) -> str:
        """The language of the customer. Raises ApiError 404 for a token that we did not make."""
        customer_id = self._customer(token)
        async with self._database.connection() as connection:
            contact = (await self._store(connection).get_contacts([customer_id])).get(customer_id)
        return locale_for(contact.locale if contact is not None else None)

    async def unsubscribe(self, token: str) -> None:
        """From now on no win-back is claimed for this customer. Repeating it changes nothing but the instant.

        The act reaches the log as `customer.notification.unsubscribed`: it is put into the outbox in this transaction.
        """
        customer_id = self._customer(token)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            store = self._store(connection)
            news = await store.append_suppression(customer_id, now)
            act = act_of((await store.get_contacts([customer_id])).get(customer_id), now)
            if act is not None:
                await store.append_outbox(act)
        log.info("unsubscribed", customer_id=customer_id, news=news)

    def _customer(self, token: str) -> str:
        customer_id = customer_of(self._secret, token)
        if customer_id is None:
            raise ApiError(404, "not_found", "This link is not valid.", headers=_HEADERS)
        return customer_id


def _page(description: str) -> dict[int | str, dict[str, Any]]:
    content = {"schema": {"type": "string"}, "example": "<!doctype html><html>…</html>"}
    return {200: {"description": description, "content": {"text/html": content}}}


def unsubscribe_routes(unsubscribing: Unsubscribing, pages: Pages, metrics: NotifyMetrics) -> APIRouter:
    """The page for people and the one-click address of RFC 8058, which are the same."""
    router = APIRouter(prefix="/v1/unsubscribe", tags=["unsubscribe"])

    @router.get(
        "/{token}",
        summary="Ask whether to unsubscribe; changes nothing",
        response_class=HTMLResponse,
        responses=_page("A page with one button"),
    )
    async def ask(token: str) -> HTMLResponse:
        locale = await unsubscribing.locale(token)
        return HTMLResponse(pages.page("unsubscribe", locale), headers=_HEADERS)

    @router.post(
        "/{token}",
        summary="Unsubscribe, by form or one click",
        response_class=HTMLResponse,
        responses=_page("A page that says it is done"),
    )
    async def unsubscribe(token: str) -> HTMLResponse:
        await unsubscribing.unsubscribe(token)
        metrics.unsubscribed.inc()
        return HTMLResponse(pages.page("unsubscribed", await unsubscribing.locale(token)), headers=_HEADERS)

    return router
