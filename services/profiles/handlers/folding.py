"""Customers as their interactions make them: folded on from where they stood, or computed again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.profiles.codec import CustomerCodec
from services.profiles.domain.archive import Archive, ChangedCustomer, Checkpoint, StoredCustomer
from services.profiles.domain.checkpoints import EVERY, is_due, superseded
from services.profiles.domain.entities import Customer, new_customer
from services.profiles.domain.policy import Policy
from services.profiles.domain.profiles import apply, in_order, merged, recompute, recompute_reason
from services.profiles.metrics import ProfileMetrics
from shared.clock import pause
from shared.contracts import Interaction

# Folding is pure CPU: let heartbeats and database answers in between.
CUSTOMERS_BETWEEN_YIELDS = 250


class Folded(NamedTuple):
    """A customer that changed, the correlation id of what changed it last, and how many interactions it grew from."""

    customer: Customer
    correlation: str
    grown_from: int


class Folding:
    """Folds what arrived into the customers it belongs to. `settled_at` is the instant up to which silence counts."""

    def __init__(self, codec: CustomerCodec, policy: Policy, metrics: ProfileMetrics) -> None:
        self._codec = codec
        self._policy = policy
        self._metrics = metrics
        self._decode = msgspec.json.Decoder(Interaction).decode

    async def merge(self, store: Archive, merges: Mapping[str, str], now: datetime) -> list[Folded]:
        """What is left of the losers. Whom they merged into has to be computed again."""
        await store.merge_customers(merges)
        await store.delete_checkpoints(sorted({*merges, *merges.values()}))
        return [Folded(merged(loser, winner, now), "", 0) for loser, winner in merges.items()]

    async def fold(
        self,
        store: Archive,
        arrived: Mapping[str, list[Interaction]],
        *,
        locked: Mapping[str, StoredCustomer],
        again: Mapping[str, Sequence[str]],
        settled_at: datetime,
    ) -> list[Folded]:
        """Everybody of whom something arrived, and everybody in `again` (with their references) computed anew."""
        folded: list[Folded] = []
        anew = dict(again)
        for index, (customer_id, interactions) in enumerate(arrived.items(), start=1):
            if index % CUSTOMERS_BETWEEN_YIELDS == 0:
                await pause(0)
            if customer_id in again:
                continue
            facts = in_order(interactions) if len(interactions) > 1 else interactions
            snapshot = locked[customer_id].snapshot
            # A customer without a snapshot is new, and so is their only reference.
            customer = self._codec.decode(snapshot).data if snapshot else new_customer(customer_id, [facts[0].subject])
            grown_from = customer.aggregates.interactions
            if reason := recompute_reason(customer, facts[0], self._policy):
                self._metrics.recomputed.labels(reason=reason).inc()
                one = await self._from_checkpoint(store, customer, facts, settled_at) if grown_from >= EVERY else None
                if one is None:
                    anew[customer_id] = customer.references
                else:
                    folded.append(one)
                continue
            apply(customer, facts, self._policy, settled_at)
            folded.append(Folded(customer, facts[-1].correlationid, grown_from))
        for customer in await self.recompute(store, anew, settled_at):
            latest = arrived.get(customer.customer_id)
            folded.append(Folded(customer, latest[-1].correlationid if latest else "", 0))
        return folded

    async def recompute(
        self, store: Archive, customers: Mapping[str, Sequence[str]], settled_at: datetime
    ) -> list[Customer]:
        """Customers from the timeline of their references, as if nothing had been known of them."""
        if not customers:
            return []
        owner = {reference: customer_id for customer_id, names in customers.items() for reference in names}
        facts: dict[str, list[Interaction]] = {customer_id: [] for customer_id in customers}
        for body in await store.list_timelines(sorted(owner)):
            interaction = self._decode(body)
            facts[owner[interaction.subject]].append(interaction)
        return [
            recompute(customer_id, names, facts[customer_id], self._policy, settled_at)
            for customer_id, names in customers.items()
        ]

    async def _from_checkpoint(
        self, store: Archive, customer: Customer, facts: Sequence[Interaction], settled_at: datetime
    ) -> Folded | None:
        """The customer folded on from the last checkpoint before `facts`; None when none can be used.

        Those that lack what came late are gone afterwards.
        """
        first = facts[0]
        checkpoint = await store.take_back_checkpoints(customer.customer_id, (first.time, first.source, first.id))
        if checkpoint is None:
            return None
        state = self._codec.decode(checkpoint.snapshot).data
        if recompute_reason(state, first, self._policy):
            return None
        bodies = await store.list_timelines(customer.references, after=checkpoint.order)
        apply(state, in_order([self._decode(body) for body in bodies]), self._policy, settled_at)
        return Folded(state, facts[-1].correlationid, checkpoint.interactions)

    async def keep_checkpoints(
        self, store: Archive, folded: Sequence[Folded], written: Sequence[ChangedCustomer]
    ) -> None:
        """Remember how giants stand now, and forget what of before need not be kept."""
        due = [
            Checkpoint.of(one.customer, row.snapshot)
            for one, row in zip(folded, written, strict=True)
            if is_due(one.grown_from, one.customer.aggregates.interactions)
        ]
        if due:
            await store.append_checkpoints(due)
            kept = await store.list_checkpoint_sizes([one.customer_id for one in due])
            await store.prune_checkpoints({customer_id: superseded(sizes) for customer_id, sizes in kept.items()})
