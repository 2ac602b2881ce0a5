"""Webhooks and deliveries in the store. Never commits."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from services.notify.domain.deliveries import LEASE_SECONDS, Delivery, Result, Status, Verdict
from services.notify.domain.events import Event
from services.notify.domain.webhooks import Disabled, Filters, Webhook
from shared.postgres import Store, load_queries

_QUERIES = load_queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")
_FILTERS = msgspec.json.Decoder(Filters)
_RESULTS = msgspec.json.Decoder(tuple[Result, ...])
# Bodies travel in pieces of so many.
_APPENDED_AT_ONCE = 1_000


class WebhookStore(Store):
    """One unit of work on webhooks."""

    # --- subscriptions

    async def lock_principal(self, principal_id: str) -> None:
        """Until the transaction ends nobody else creates a webhook of this principal."""
        await self.connection.execute(_QUERIES.lock_principal, principal_id)

    async def count_webhooks(self, principal_id: str | None) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_webhooks, principal_id))

    async def insert_webhook(self, webhook: Webhook) -> None:
        await self.connection.execute(
            _QUERIES.insert_webhook,
            webhook.webhook_id,
            webhook.principal_id,
            webhook.host,
            webhook.sealed,
            webhook.description,
            list(webhook.types),
            msgspec.json.encode(webhook.filters),
            webhook.created_at,
        )

    async def update_webhook(self, webhook: Webhook) -> None:
        """Everything that people may change but whether it is enabled."""
        await self.connection.execute(
            _QUERIES.update_webhook,
            webhook.webhook_id,
            webhook.host,
            webhook.sealed,
            webhook.description,
            list(webhook.types),
            msgspec.json.encode(webhook.filters),
        )

    async def delete_webhook(self, webhook_id: str) -> None:
        """With its deliveries. What a batch is adding at this moment is pruned one day and never sent."""
        await self.connection.execute(_QUERIES.delete_webhook, webhook_id)
        await self.connection.execute(_QUERIES.delete_deliveries, webhook_id)

    async def get_webhook(self, webhook_id: str) -> Webhook | None:
        row = await self.connection.fetchrow(_QUERIES.get_webhook, webhook_id)
        return _webhook(row) if row is not None else None

    async def lock_webhook(self, webhook_id: str) -> Webhook | None:
        row = await self.connection.fetchrow(_QUERIES.lock_webhook, webhook_id)
        return _webhook(row) if row is not None else None

    async def list_webhooks(
        self, principal_id: str | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Webhook]:
        """Newest first, of one principal or of all."""
        rows = await self.connection.fetch(_QUERIES.list_webhooks, principal_id, *(after or (None, None)), limit)
        return [_webhook(row) for row in rows]

    async def list_enabled_webhooks(self) -> list[Webhook]:
        return [_webhook(row) for row in await self.connection.fetch(_QUERIES.list_enabled_webhooks)]

    async def get_webhooks(self, webhook_ids: Sequence[str]) -> dict[str, Webhook]:
        rows = await self.connection.fetch(_QUERIES.get_webhooks, list(webhook_ids))
        return {str(row["webhook_id"]): _webhook(row) for row in rows}

    async def disable_webhook(self, webhook_id: str, reason: Disabled) -> bool:
        """Whether that is news; unless it was done by hand, somebody is to be told."""
        done = await self.connection.fetchval(
            _QUERIES.disable_webhook, webhook_id, reason, reason is not Disabled.BY_HAND
        )
        return done is not None

    async def enable_webhook(self, webhook_id: str, *, waited_seconds: float) -> None:
        """What waited for up to `waited_seconds` is due now, what waited longer is dropped."""
        await self.connection.execute(_QUERIES.enable_webhook, webhook_id)
        await self.connection.execute(_QUERIES.resume_deliveries, webhook_id, waited_seconds)

    # --- deliveries

    async def append_deliveries(self, told: Sequence[tuple[str, Event, bytes]]) -> int:
        """Owe webhooks these events (with their bodies); returns how many are news."""
        news = 0
        for begin in range(0, len(told), _APPENDED_AT_ONCE):
            some = told[begin : begin + _APPENDED_AT_ONCE]
            rows = await self.connection.fetch(
                _QUERIES.append_deliveries,
                [webhook_id for webhook_id, _, _ in some],
                [event.event_id for _, event, _ in some],
                [event.type for _, event, _ in some],
                [body for _, _, body in some],
            )
            news += len(rows)
        return news

    async def claim_deliveries(self, limit: int, *, in_flight: int, strained: int) -> list[Delivery]:
        """What is due, leased; of each webhook so many are in flight at once, fewer while it is strained."""
        rows = await self.connection.fetch(_QUERIES.claim_deliveries, limit, in_flight, strained, LEASE_SECONDS)
        return [_delivery(row) for row in rows]

    async def release_deliveries(self, webhook_id: str, event_ids: Sequence[str]) -> None:
        await self.connection.execute(_QUERIES.release_deliveries, webhook_id, list(event_ids))

    async def lock_attempt(self, delivery: Delivery) -> Delivery | None:
        """The attempt that its token stands for; None when it is not ours to close any more."""
        row = await self.connection.fetchrow(
            _QUERIES.lock_attempt, delivery.webhook_id, delivery.event_id, delivery.token
        )
        return _delivery(row) if row is not None else None

    async def settle_attempt(self, delivery: Delivery, verdict: Verdict, results: Sequence[Result]) -> None:
        await self.connection.execute(
            _QUERIES.settle_attempt,
            delivery.webhook_id,
            delivery.event_id,
            verdict.status,
            msgspec.json.encode(results),
            verdict.due_in,
        )

    async def note_success(self, webhook_id: str, *, strained: bool) -> None:
        await self.connection.execute(_QUERIES.note_success, webhook_id, strained)

    async def note_strain(self, webhook_id: str) -> None:
        await self.connection.execute(_QUERIES.note_strain, webhook_id)

    async def is_failing(self, delivery: Delivery) -> bool:
        """Whether its webhook has taken nothing since the first attempt at it."""
        return bool(await self.connection.fetchval(_QUERIES.is_failing, delivery.webhook_id, delivery.event_id))

    async def redeliver(self, webhook_id: str, event_id: str) -> Delivery | None:
        row = await self.connection.fetchrow(_QUERIES.redeliver, webhook_id, event_id)
        return _delivery(row) if row is not None else None

    async def get_delivery(self, webhook_id: str, event_id: str) -> Delivery | None:
        row = await self.connection.fetchrow(_QUERIES.get_delivery, webhook_id, event_id)
        return _delivery(row) if row is not None else None

    async def list_deliveries(
        self, webhook_id: str, status: Status | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Delivery]:
        """Newest first."""
        rows = await self.connection.fetch(
            _QUERIES.list_deliveries, webhook_id, status, *(after or (None, None)), limit
        )
        return [_delivery(row) for row in rows]

    async def count_deliveries(self, webhook_id: str, status: Status | None) -> int:
        return int(await self.connection.fetchval(_QUERIES.count_deliveries, webhook_id, status))

    # --- upkeep

    async def prune_deliveries(self, age_seconds: float, limit: int) -> int:
        """Forget what is older; returns how many that were."""
        return len(await self.connection.fetch(_QUERIES.prune_deliveries, age_seconds, limit))

    async def claim_notice(self, lease_seconds: float) -> tuple[Webhook, int] | None:
        """A disabled webhook that somebody is to be told of, and the how manieth attempt this is."""
        row = await self.connection.fetchrow(_QUERIES.claim_notice, lease_seconds)
        return (_webhook(row), row["notice_attempts"]) if row is not None else None

    async def settle_notice(self, webhook: Webhook, due_in: float | None) -> None:
        """Told, or to be tried again in so many real seconds."""
        await self.connection.execute(_QUERIES.settle_notice, webhook.webhook_id, webhook.disabled_at, due_in)


def _webhook(row: asyncpg.Record) -> Webhook:
    return Webhook(
        webhook_id=str(row["webhook_id"]),
        principal_id=row["principal_id"],
        host=row["host"],
        sealed=row["sealed"],
        description=row["description"],
        types=tuple(row["types"]),
        filters=_FILTERS.decode(row["filters"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        disabled_reason=Disabled(row["disabled_reason"]) if row["disabled_reason"] else None,
        last_success_at=row["last_success_at"],
    )


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        webhook_id=str(row["webhook_id"]),
        event_id=str(row["event_id"]),
        type=row["type"],
        body=row["body"],
        status=row["status"],
        attempts=row["attempts"],
        results=_RESULTS.decode(row["results"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        token=str(row["token"]) if row["token"] else None,
    )
