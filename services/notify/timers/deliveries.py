"""Tells webhooks what is due: claim, attempt, settle; never inside a transaction while somebody is waited for."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

import structlog

from services.notify.domain.deliveries import LEASE_SECONDS, Answer, Delivery, Outcome, Result, Verdict, judge
from services.notify.domain.webhooks import Disabled, Target, Webhook, may_read
from services.notify.handlers import Vault
from services.notify.metrics import NotifyMetrics
from services.notify.timers.underway import UnderWay
from shared.access import Directory
from shared.clock import pause, real_now
from shared.postgres import Connection, Database, is_transient

log = structlog.get_logger(__name__)

# Attempts at once: in all, to one webhook, and to one that failed last or was slow.
CONCURRENT_ATTEMPTS = 64
IN_FLIGHT = 8
STRAINED_IN_FLIGHT = 2
SETTLE_AGAIN_SECONDS = 0.5


class DeliveryStore(Protocol):
    """What this needs of the store."""

    async def claim_deliveries(self, limit: int, *, in_flight: int, strained: int) -> Sequence[Delivery]: ...
    async def release_deliveries(self, webhook_id: str, event_ids: Sequence[str]) -> None: ...
    async def get_webhooks(self, webhook_ids: Sequence[str]) -> Mapping[str, Webhook]: ...
    async def lock_webhook(self, webhook_id: str) -> Webhook | None: ...
    async def lock_attempt(self, delivery: Delivery) -> Delivery | None: ...
    async def settle_attempt(self, delivery: Delivery, verdict: Verdict, results: Sequence[Result]) -> None: ...
    async def note_success(self, webhook_id: str, *, strained: bool) -> None: ...
    async def note_strain(self, webhook_id: str) -> None: ...
    async def is_failing(self, delivery: Delivery) -> bool: ...
    async def disable_webhook(self, webhook_id: str, reason: Disabled) -> bool: ...


class Gateway(Protocol):
    """Makes one attempt."""

    async def send(self, target: Target, event_id: str, body: bytes) -> Answer:
        """Over within ATTEMPT_SECONDS; never raises for what receiver or network do."""
        ...


class Deliveries:
    """Attempts run beside each other, so that a slow receiver delays nobody else's. Several processes may do this on
    one store: an attempt belongs to whoever holds its token."""

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection], DeliveryStore],
        *,
        gateway: Gateway,
        vault: Vault,
        directory: Directory,
        metrics: NotifyMetrics,
    ) -> None:
        self._database = database
        self._store = store
        self._gateway = gateway
        self._vault = vault
        self._directory = directory
        self._metrics = metrics
        # The lease of one that fails ends by itself, and then it is attempted again.
        self._attempts = UnderWay("webhook_attempt_failed")

    async def step(self, _: datetime) -> int:
        """Begin the attempts that are due; returns how many began, or ended while nothing could begin."""
        claimed = await self._claim(CONCURRENT_ATTEMPTS - len(self._attempts))
        for delivery, webhook in claimed:
            self._attempts.begin(self._attempt(delivery, webhook))
        return len(claimed) or await self._attempts.some_end()

    async def finish(self) -> None:
        """Wait until no attempt is under way."""
        await self._attempts.all_end()

    async def _claim(self, free: int) -> list[tuple[Delivery, Webhook]]:
        """What is due and may be told. Who may not read it any more is disabled. Nothing while keys are not known."""
        if free <= 0 or not self._directory.loaded:
            return []
        async with self._database.transaction() as connection:
            store = self._store(connection)
            due = await store.claim_deliveries(free, in_flight=IN_FLIGHT, strained=STRAINED_IN_FLIGHT)
            if not due:
                return []
            webhooks = await store.get_webhooks(sorted({delivery.webhook_id for delivery in due}))
            lost = [webhook for webhook in webhooks.values() if not self._has_access(webhook)]
            for webhook in lost:
                await self._disable(store, webhook, Disabled.ACCESS_LOST)
                mine = [delivery.event_id for delivery in due if delivery.webhook_id == webhook.webhook_id]
                await store.release_deliveries(webhook.webhook_id, mine)
        told = webhooks.keys() - {webhook.webhook_id for webhook in lost}
        return [(delivery, webhooks[delivery.webhook_id]) for delivery in due if delivery.webhook_id in told]

    def _has_access(self, webhook: Webhook) -> bool:
        principal = self._directory.active(webhook.principal_id)
        return principal is not None and may_read(principal.scopes, webhook.types)

    async def _attempt(self, delivery: Delivery, webhook: Webhook) -> None:
        started = monotonic()
        answer = await self._answer(delivery, webhook)
        self._metrics.webhook_attempts.labels(outcome=answer.outcome).inc()
        self._metrics.webhook_attempt_seconds.observe(answer.seconds)
        while True:
            try:
                return await self._settle(delivery, webhook, answer)
            except Exception as error:
                if not is_transient(error) or monotonic() - started > LEASE_SECONDS:
                    raise
                log.warning("settling_waits", error=type(error).__name__)
            await pause(SETTLE_AGAIN_SECONDS)

    async def _answer(self, delivery: Delivery, webhook: Webhook) -> Answer:
        target = self._vault.open(webhook)
        if target is None:
            return Answer(outcome=Outcome.UNREADABLE, seconds=0.0)
        try:
            return await self._gateway.send(target, delivery.event_id, delivery.body)
        except Exception as error:
            # A defect of ours. Counted as an attempt, or it would come back after each lease for ever. Its text may
            # hold the URL.
            log.error(
                "webhook_attempt_broke",
                webhook_id=delivery.webhook_id,
                event_id=delivery.event_id,
                error=type(error).__name__,
            )
            return Answer(outcome=Outcome.UNREACHABLE, seconds=0.0)

    async def _settle(self, delivery: Delivery, webhook: Webhook, answer: Answer) -> None:
        """Store what came of an attempt, unless its lease ended and somebody else went on."""
        async with self._database.transaction() as connection:
            store = self._store(connection)
            # The webhook first, as whoever enables or deletes it does.
            there = await store.lock_webhook(delivery.webhook_id)
            mine = await store.lock_attempt(delivery) if there is not None else None
            if mine is None:
                log.warning("webhook_lease_lost", webhook_id=delivery.webhook_id, event_id=delivery.event_id)
                return
            verdict = judge(answer, attempts=mine.attempts, chance=random.random())  # noqa: S311  # spreads load only
            await store.settle_attempt(mine, verdict, mine.noted(answer, real_now()))
            if verdict.status == "delivered":
                await store.note_success(webhook.webhook_id, strained=answer.strains)
            else:
                await store.note_strain(webhook.webhook_id)
            if answer.outcome is Outcome.GONE:
                await self._disable(store, webhook, Disabled.GONE)
            elif verdict.status == "exhausted" and await store.is_failing(mine):
                await self._disable(store, webhook, Disabled.FAILING)
        if verdict.due_in is None:
            self._metrics.webhook_settled.labels(status=verdict.status).inc()
        log.info(
            "webhook_delivery",
            webhook_id=delivery.webhook_id,
            event_id=delivery.event_id,
            type=delivery.type,
            host=webhook.host,
            status=verdict.status,
            outcome=answer.outcome,
            answer=answer.status,
            attempt=mine.attempts,
            seconds=round(answer.seconds, 3),
        )

    async def _disable(self, store: DeliveryStore, webhook: Webhook, reason: Disabled) -> None:
        if await store.disable_webhook(webhook.webhook_id, reason):
            self._metrics.webhooks_disabled.labels(reason=reason).inc()
            log.warning("webhook_disabled", webhook_id=webhook.webhook_id, host=webhook.host, reason=reason)
