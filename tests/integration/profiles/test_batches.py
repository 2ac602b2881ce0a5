"""Batches of interactions on a real database, without a broker: the same thing twice, late, linked, and two at once."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import yaml
from prometheus_client import CollectorRegistry

from services.profiles.domain.names import NameIndex
from services.profiles.domain.policy import parse_policy
from services.profiles.handlers import ProfileHandlers
from services.profiles.metrics import ProfileMetrics
from services.profiles.store import ProfileStore
from shared.contracts import Interaction, Profile, Snapshot
from shared.errors import StaleReadError
from shared.ids import customer_id_of
from shared.pipeline import Outcome, Received
from shared.postgres import Connection, Database
from tests.support.builders import day, interaction
from tests.support.clock import ManualClock
from tests.support.stack import ROOT, SECRET, Lease
from tests.support.waiting import eventually

WAITS_FOR_LOCK = """
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""
LOCK_ONE = "select customer_id from customers where customer_id = $1 for update"
IS_FREE = "select customer_id from customers where customer_id = $1 for update skip locked"


class Handling:
    """The handlers of a process, on a database of their own. Everything is settled."""

    def __init__(self, database: Database) -> None:
        self.database = database
        clock = ManualClock(day(10))
        policy = parse_policy(yaml.safe_load((ROOT / "deploy/config/policy.yaml").read_text(encoding="utf-8")))
        self.handlers = ProfileHandlers(
            store=ProfileStore,
            clock=clock,
            settled=clock,
            policy=policy,
            names=NameIndex(SECRET.encode()),
            metrics=ProfileMetrics(CollectorRegistry()),
        )

    async def batch(self, *interactions: Interaction) -> Outcome:
        """One batch, committed; read again when another process was faster, as a pipeline does."""
        while True:
            try:
                async with self.database.transaction() as connection:
                    return await self.handle(connection, *interactions)
            except StaleReadError:
                continue

    async def handle(self, connection: Connection, *interactions: Interaction) -> Outcome:
        """One batch in somebody's transaction."""
        return await self.handlers.on_interactions(
            connection, [Received(one, msgspec.json.encode(one)) for one in interactions]
        )

    async def customer(self, reference: str) -> Profile:
        """Whoever would have that reference to themselves."""
        async with self.database.connection() as connection:
            found = await ProfileStore(connection).get_customer(customer_id_of(reference))
        assert found is not None, f"{reference} is nobody"
        return msgspec.json.decode(found[1], type=Snapshot[Profile]).data

    async def waits_for_lock(self) -> bool:
        async with self.database.connection() as connection:
            return bool(await connection.fetchval(WAITS_FOR_LOCK))


@pytest.fixture
async def handling(lease: Lease) -> AsyncIterator[Handling]:
    async with Database(await lease.dsn("profiles"), application="tests") as database:
        yield Handling(database)


def bought(reference: str, at: float, *, id: str | None = None) -> Interaction:
    return interaction(subject=reference, time=day(at), id=id, amount="1.50", currency="USD")


def linked(one: str, other: str) -> Interaction:
    return interaction("customer.linked", subject=one, time=day(9), reference=other)


async def test_a_repetition_counts_once_wherever_it_stands(handling: Handling) -> None:
    """In one batch with the first, before and behind newer ones, and in a later batch."""
    first, newer = bought("shop:1", 1, id="a"), bought("shop:1", 2, id="b")
    outcome = await handling.batch(first, first)
    assert (outcome.applied, outcome.duplicate) == (1, 1)
    outcome = await handling.batch(first, newer, newer)
    assert (outcome.applied, outcome.duplicate) == (1, 2)
    found = (await handling.customer("shop:1")).aggregates
    assert (found.purchases, found.interactions, found.spend) == (2, 2, {"USD": "3.00"})


async def test_what_comes_late_counts_where_it_belongs(handling: Handling) -> None:
    """Two customers to whom the same happened are the same, whatever came first."""
    times = (0.0, 3.0, 9.0)
    for at in times:
        await handling.batch(bought("shop:in-order", at))
    for at in reversed(times):
        await handling.batch(bought("shop:reversed", at))
    one, other = await handling.customer("shop:in-order"), await handling.customer("shop:reversed")
    assert other.aggregates.last_purchase_at == one.aggregates.last_purchase_at
    assert (other.lifecycle, other.lifecycle_since) == (one.lifecycle, one.lifecycle_since)
    assert other.aggregates.purchases == one.aggregates.purchases == 3


async def test_a_link_makes_one_customer_of_two(handling: Handling) -> None:
    """Under the smaller id; the other says where it went and is owed to the topic."""
    await handling.batch(bought("shop:1", 1), bought("shop:2", 2))
    await handling.batch(linked("shop:1", "shop:2"))
    winner, loser = sorted(("shop:1", "shop:2"), key=customer_id_of)
    gone = await handling.customer(loser)
    assert (gone.status, gone.merged_into) == ("merged", customer_id_of(winner))
    assert (await handling.customer(winner)).aggregates.purchases == 2


async def test_two_processes_that_count_one_customer_at_once_lose_nothing(handling: Handling) -> None:
    """The second waits until the first has committed, and goes on from there."""
    await handling.batch(bought("shop:1", 1))
    async with handling.database.transaction() as first:
        await handling.handle(first, bought("shop:1", 2))
        second = asyncio.create_task(handling.batch(bought("shop:1", 3)))
        await eventually(handling.waits_for_lock, what="the second process at the lock")
    await second
    assert (await handling.customer("shop:1")).aggregates.purchases == 3


async def test_customers_are_locked_in_the_order_of_their_keys(handling: Handling) -> None:
    """Who waits for the first of them holds none of the others, so nobody can be waiting for each other."""
    references = sorted(("shop:1", "shop:2", "shop:3"), key=customer_id_of)
    await handling.batch(*(bought(one, 1) for one in references))
    async with handling.database.transaction() as holder:
        await holder.fetch(LOCK_ONE, customer_id_of(references[0]))
        waiting = asyncio.create_task(handling.batch(*(bought(one, 2) for one in reversed(references))))
        await eventually(handling.waits_for_lock, what="the batch at the lock")
        free = [bool(await holder.fetch(IS_FREE, customer_id_of(one))) for one in references]
    await waiting
    assert free == [True, True, True]


async def test_what_arrives_during_a_merge_counts_for_the_winner(handling: Handling) -> None:
    """The owner was looked up before the merge was committed: it is looked up again."""
    await handling.batch(bought("shop:1", 1), bought("shop:2", 2))
    winner, loser = sorted(("shop:1", "shop:2"), key=customer_id_of)
    async with handling.database.transaction() as merging:
        await handling.handle(merging, linked("shop:1", "shop:2"))
        arriving = asyncio.create_task(handling.batch(bought(loser, 3)))
        await eventually(handling.waits_for_lock, what="the batch at the lock")
    await arriving
    assert (await handling.customer(loser)).status == "merged"
    assert (await handling.customer(winner)).aggregates.purchases == 3
