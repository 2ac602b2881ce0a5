"""What people do with webhooks: create, change, rotate, enable, delete, redeliver. One transaction each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import structlog

from services.notify.domain.decisions import STALE_AFTER
from services.notify.domain.deliveries import Delivery, Status
from services.notify.domain.destinations import BadDestination, Destination, Trusted, destination_of
from services.notify.domain.webhooks import MOST_WEBHOOKS, Disabled, Filters, Secret, Target, Webhook, may_read
from services.notify.handlers.vault import Vault, new_secret
from services.notify.metrics import NotifyMetrics
from shared.clock import Clock, real_now
from shared.contracts import Principal
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

ADMIN = "admin"


class SubscribingStore(Protocol):
    """What this needs of the store."""

    async def lock_principal(self, principal_id: str) -> None: ...
    async def count_webhooks(self, principal_id: str | None) -> int: ...
    async def insert_webhook(self, webhook: Webhook) -> None: ...
    async def update_webhook(self, webhook: Webhook) -> None: ...
    async def delete_webhook(self, webhook_id: str) -> None: ...
    async def get_webhook(self, webhook_id: str) -> Webhook | None: ...
    async def lock_webhook(self, webhook_id: str) -> Webhook | None: ...
    async def disable_webhook(self, webhook_id: str, reason: Disabled) -> bool: ...
    async def enable_webhook(self, webhook_id: str, *, waited_seconds: float) -> None: ...
    async def list_webhooks(
        self, principal_id: str | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Webhook]: ...
    async def redeliver(self, webhook_id: str, event_id: str) -> Delivery | None: ...
    async def get_delivery(self, webhook_id: str, event_id: str) -> Delivery | None: ...
    async def list_deliveries(
        self, webhook_id: str, status: Status | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Delivery]: ...
    async def count_deliveries(self, webhook_id: str, status: Status | None) -> int: ...


class Refused(Exception):
    """It cannot be done. `code` is stable, `field` names what of the request is meant, the text is for people."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class NotThere(Exception):
    """No such webhook or delivery, or it is somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different; None leaves it. `describe`: take over `description`, be it None."""

    url: str | None = field(default=None, repr=False)
    description: str | None = None
    describe: bool = False
    types: tuple[str, ...] | None = None
    filters: Filters | None = None
    enabled: bool | None = None


# Says why the addresses behind a destination are not taken; None when they are, or are not known now.
Check = Callable[[Destination], Awaitable[str | None]]


class Subscribing:
    """Keeps webhooks. A principal sees and changes its own, one with the scope admin all; others are NotThere."""

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection], SubscribingStore],
        *,
        vault: Vault,
        trusted: Trusted,
        check: Check,
        clock: Clock,
        metrics: NotifyMetrics,
    ) -> None:
        self.database = database
        self.store = store
        self.vault = vault
        self._trusted = trusted
        self._check = check
        self._clock = clock
        self._metrics = metrics

    async def create(self, principal: Principal, change: Change) -> tuple[Webhook, str]:
        """The new webhook and its secret, which is told this once. Raises Refused."""
        destination = await self._destination(change.url or "")
        types = change.types or ()
        _check_scopes(principal, types)
        webhook_id, secret = str(uuid4()), new_secret()
        webhook = Webhook(
            webhook_id=webhook_id,
            principal_id=principal.principal_id,
            host=destination.host,
            sealed=self.vault.seal(webhook_id, Target(change.url or "", (Secret(secret),))),
            description=change.description,
            types=types,
            filters=change.filters or Filters(),
            created_at=self._clock.now(),
        )
        async with self.database.transaction() as connection:
            store = self.store(connection)
            await store.lock_principal(principal.principal_id)
            if await store.count_webhooks(principal.principal_id) >= MOST_WEBHOOKS:
                raise Refused("too_many_webhooks", f"There are {MOST_WEBHOOKS} webhooks already; delete one first.")
            await store.insert_webhook(webhook)
        self._say("webhook_created", webhook)
        return webhook, secret

    async def change(self, principal: Principal, webhook_id: str, change: Change) -> Webhook:
        """The webhook as it is afterwards. Raises Refused or NotThere.

        Enabled again, it is told what waited for it, beginning with the first attempt; what waited for more than
        7 days is dropped, and what happened while it was disabled was never meant for it.
        """
        destination = await self._destination(change.url) if change.url is not None else None
        async with self.database.transaction() as connection:
            store = self.store(connection)
            webhook = visible(await store.lock_webhook(webhook_id), principal)
            after = webhook
            if change.types is not None:
                _check_scopes(principal, change.types)
                after = replace(after, types=change.types)
            if change.filters is not None:
                after = replace(after, filters=change.filters)
            if change.describe:
                after = replace(after, description=change.description)
            if destination is not None:
                sealed = self.vault.seal(webhook_id, replace(self._target(webhook), url=change.url or ""))
                after = replace(after, host=destination.host, sealed=sealed)
            await store.update_webhook(after)
            if change.enabled is False and await store.disable_webhook(webhook_id, Disabled.BY_HAND):
                self._metrics.webhooks_disabled.labels(reason=Disabled.BY_HAND).inc()
            if change.enabled and webhook.disabled_at is not None:
                await store.enable_webhook(webhook_id, waited_seconds=STALE_AFTER.total_seconds())
            changed = await store.get_webhook(webhook_id)
        self._say("webhook_changed", after)
        return changed or after

    async def rotate(self, principal: Principal, webhook_id: str) -> tuple[Webhook, str]:
        """A new secret, told this once; the one before signs too for a while. Raises Refused or NotThere."""
        secret = new_secret()
        async with self.database.transaction() as connection:
            store = self.store(connection)
            webhook = visible(await store.lock_webhook(webhook_id), principal)
            target = self._target(webhook).rotated(secret, real_now())
            webhook = replace(webhook, sealed=self.vault.seal(webhook_id, target))
            await store.update_webhook(webhook)
        self._say("webhook_secret_rotated", webhook)
        return webhook, secret

    async def delete(self, principal: Principal, webhook_id: str) -> None:
        """With everything it was told. Raises NotThere."""
        async with self.database.transaction() as connection:
            store = self.store(connection)
            webhook = visible(await store.lock_webhook(webhook_id), principal)
            await store.delete_webhook(webhook_id)
        self._say("webhook_deleted", webhook)

    async def redeliver(self, principal: Principal, webhook_id: str, event_id: str) -> Delivery:
        """Due now, from the first attempt on, under the same id. Raises Refused or NotThere."""
        async with self.database.transaction() as connection:
            store = self.store(connection)
            webhook = visible(await store.get_webhook(webhook_id), principal)
            if webhook.disabled_at is not None:
                raise Refused("webhook_disabled", "The webhook is disabled; enable it first.")
            delivery = await store.redeliver(webhook_id, event_id)
        if delivery is None:
            raise NotThere
        return delivery

    async def get(self, principal: Principal, webhook_id: str) -> Webhook:
        """Raises NotThere."""
        async with self.database.connection() as connection:
            return visible(await self.store(connection).get_webhook(webhook_id), principal)

    async def target(self, principal: Principal, webhook_id: str) -> tuple[Webhook, Target]:
        """A webhook with where it leads. Raises Refused or NotThere."""
        webhook = await self.get(principal, webhook_id)
        return webhook, self._target(webhook)

    async def _destination(self, url: str) -> Destination:
        try:
            destination = destination_of(url, self._trusted)
        except BadDestination as error:
            raise Refused("bad_url", f"This URL is not taken: {error}.", "url") from None
        reason = await self._check(destination)
        if reason is not None:
            raise Refused("bad_url", f"This URL is not taken: {reason}.", "url")
        return destination

    def _target(self, webhook: Webhook) -> Target:
        target = self.vault.open(webhook)
        if target is None:
            raise Refused("unreadable", "It was sealed under another EBBTIDE_SECRET: delete it and make a new one.")
        return target

    def _say(self, event: str, webhook: Webhook) -> None:
        log.info(event, webhook_id=webhook.webhook_id, host=webhook.host, owner=webhook.principal_id)


def visible(webhook: Webhook | None, principal: Principal) -> Webhook:
    """The webhook, if this principal may see it. Raises NotThere."""
    if webhook is None or (webhook.principal_id != principal.principal_id and ADMIN not in principal.scopes):
        raise NotThere
    return webhook


def _check_scopes(principal: Principal, types: Sequence[str]) -> None:
    if not may_read(principal.scopes, types):
        raise Refused("missing_scope", "Alerts take the scope alerts:read, notifications notifications:read.", "types")
