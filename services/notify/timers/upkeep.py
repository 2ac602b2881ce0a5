"""Forgets old deliveries, and tells the default owner of webhooks that were disabled."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from services.notify.domain.attempts import LEASE_SECONDS, RETRY_SECONDS, Attempt, Outcome
from services.notify.domain.webhooks import Webhook
from shared.access import Directory
from shared.clock import real_now
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

KEPT_SECONDS = 30 * 86_400.0
PRUNED_AT_ONCE = 500


class UpkeepStore(Protocol):
    """What this needs of the store."""

    async def prune_deliveries(self, age_seconds: float, limit: int) -> int: ...
    async def claim_notice(self, lease_seconds: float) -> tuple[Webhook, int] | None: ...
    async def settle_notice(self, webhook: Webhook, due_in: float | None) -> None: ...


class Notices(Protocol):
    """Tells somebody."""

    async def deliver(self, webhook: Webhook, principal: str, now: datetime) -> Attempt: ...


class WebhookUpkeep:
    """What webhooks need beside being told. Several processes share the work."""

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection], UpkeepStore],
        *,
        notices: Notices,
        directory: Directory,
    ) -> None:
        self._database = database
        self._store = store
        self._notices = notices
        self._directory = directory

    async def prune(self, _: datetime) -> int:
        """Forget deliveries of more than 30 days (real time), so many at once; returns how many."""
        async with self._database.transaction() as connection:
            return await self._store(connection).prune_deliveries(KEPT_SECONDS, PRUNED_AT_ONCE)

    async def notify(self, _: datetime) -> int:
        """Send one notice that is owed; it stays owed until a mail server has taken it. Returns how many were tried."""
        async with self._database.connection() as connection:
            claimed = await self._store(connection).claim_notice(LEASE_SECONDS)
        if claimed is None:
            return 0
        webhook, attempts = claimed
        principal = self._directory.name_of(webhook.principal_id) or webhook.principal_id
        attempt = await self._notices.deliver(webhook, principal, real_now())
        told = attempt.outcome is Outcome.DELIVERED
        due_in = None if told else RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
        async with self._database.connection() as connection:
            await self._store(connection).settle_notice(webhook, due_in)
        log.info("webhook_notice", webhook_id=webhook.webhook_id, outcome=attempt.outcome, attempt=attempts)
        return 1
