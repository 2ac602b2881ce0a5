"""The state of a customer at an instant: what handlers and timers call.

The state is a function of the interactions, the policy and `now`, whatever the batches were. `now` is the last instant
before which no interaction is still under way: until there silence counts. It may not be earlier than in the calls
before by more than clocks differ.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeVar

from services.profiles.domain.classes import behaviour_class, value_tier
from services.profiles.domain.entities import Customer, Fact, History, new_customer
from services.profiles.domain.fold import fold, is_late, order_of
from services.profiles.domain.history import trim
from services.profiles.domain.lifecycle import next_transition, pass_time
from services.profiles.domain.policy import Policy

F = TypeVar("F", bound=Fact)


def in_order(facts: Iterable[F]) -> list[F]:
    """Interactions of one customer as `apply` and `recompute` need them."""
    return sorted(facts, key=order_of)


def recompute_reason(customer: Customer, first: Fact | None, policy: Policy) -> Literal["late", "policy"] | None:
    """Why the customer must be computed again from the timeline before `first`, the first in order, is applied.

    late: `first` belongs before the newest interaction folded in. policy: the lifecycle so far was decided under
    another one. None: `apply` (or, without `first`, `settle`) will do.
    """
    if customer.watermark is None:
        return None
    if first is not None and is_late(customer, first):
        return "late"
    return "policy" if customer.policy != policy.version else None


def apply(customer: Customer, facts: Sequence[Fact], policy: Policy, now: datetime) -> None:
    """Fold in newer interactions, in order and without duplicates, and settle at `now`; in place."""
    for fact in facts:
        fold(customer, fact, policy)
    settle(customer, policy, now)


def settle(customer: Customer, policy: Policy, now: datetime) -> None:
    """Bring what follows from the interactions up to `now`: lifecycle, classes, kept history; in place.

    Changes nothing when repeated with the same `now`. Due again when `next_transition_at < now`, not yet at it.
    """
    if customer.status != "active":
        return
    customer.policy = policy.version
    aggregates = customer.aggregates
    purchased, newest = aggregates.last_purchase_at, customer.watermark
    if purchased is not None and newest is not None:
        changes = customer.history.lifecycle
        # Whatever is settled, they stand at least where their own newest interaction put them.
        pass_time(changes, purchased, max(now, newest.time), policy)
        customer.lifecycle = changes[-1]["lifecycle"]
        customer.lifecycle_since = changes[-1]["since"]
        customer.next_transition_at = next_transition(changes, purchased, policy)
        customer.value_tier = value_tier(aggregates, policy)
        customer.behaviour = behaviour_class(aggregates.purchase_days, policy)
    trim(customer)


def recompute(
    customer_id: str, references: Iterable[str], facts: Iterable[Fact], policy: Policy, now: datetime
) -> Customer:
    """The customer from scratch, from all interactions of all references in any order, without duplicates."""
    customer = new_customer(customer_id, references)
    apply(customer, in_order(facts), policy, now)
    return customer


def merged(customer_id: str, into: str, at: datetime) -> Customer:
    """What is left of a customer whose references went to `into`: where they went, and nothing else."""
    return Customer(customer_id=customer_id, status="merged", merged_into=into, history=History(at))
