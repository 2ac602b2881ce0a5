"""Interactions in, customers out: on a real broker and a real database."""

from datetime import timedelta

from services.profiles.store import ProfileStore
from shared.application import Application
from shared.ids import customer_id_of
from shared.kafka.topics import INTERACTIONS, PROFILES
from tests.support.builders import day, interaction, record
from tests.support.clock import ManualClock
from tests.support.stack import Lease
from tests.support.topics import last_per_key, publish
from tests.support.waiting import eventually


async def stored(app: Application, reference: str) -> int:
    async with app.database.connection() as connection:
        store = ProfileStore(connection)
        customer_id = await store.get_customer_id(reference)
        if customer_id is None:
            return 0
        versions = await store.get_versions([customer_id])
        return versions[customer_id]


async def profile_of(lease: Lease, reference: str):  # type: ignore[no-untyped-def]
    found = (await last_per_key(lease, PROFILES)).get(customer_id_of(reference))
    return found.data if found else None


async def test_a_purchase_becomes_a_customer(lease: Lease, profiles: Application) -> None:
    """One purchase gives one new customer with one purchase, on the topic."""
    await publish(
        lease, INTERACTIONS, [record(interaction(subject="shop:1", time=day(9), amount="29.33", currency="USD"))]
    )

    async def seen():  # type: ignore[no-untyped-def]
        return await profile_of(lease, "shop:1")

    profile = await eventually(seen, what="the profile of shop:1")
    assert profile.lifecycle == "new"
    assert profile.aggregates.purchases == 1
    assert profile.aggregates.spend == {"USD": "29.33"}


async def test_poison_does_not_touch_its_neighbours(lease: Lease, profiles: Application) -> None:
    """Records that cannot be read are set aside with a reason; what stood beside them counts."""
    good = [record(interaction(subject="shop:2", time=day(one))) for one in range(5)]
    nul = record(interaction(subject="shop:2", time=day(6), note="a\x00b"))
    bad = [
        (b"shop:2", b"{"),
        (b"shop:2", b"\xff\xfe"),
        (b"shop:2", b'{"specversion":"1.0","id":7}'),
        (b"shop:3", good[0][1]),
        (b"shop:2", b""),
        (b"shop:2", b"[" * 5000),
        nul,
    ]
    await publish(lease, INTERACTIONS, [*good[:2], *bad, *good[2:]])

    async def counted():  # type: ignore[no-untyped-def]
        profile = await profile_of(lease, "shop:2")
        return profile is not None and profile.aggregates.purchases == 5

    await eventually(counted, what="five purchases")
    async with profiles.database.connection() as connection:
        reasons = sorted(row["reason"] for row in await connection.fetch("select reason from dead_letters"))
    assert reasons == ["empty", "nul", "undecodable", "undecodable", "wrong_key", "wrong_shape", "wrong_shape"]


async def test_two_bodies_under_one_identity_keep_the_first(lease: Lease, profiles: Application) -> None:
    """The second body changes nothing and is kept as a conflict; a plain repetition is not a conflict."""
    first = interaction(subject="shop:4", id="same", time=day(1), amount="1.00", currency="USD")
    other = interaction(subject="shop:4", id="same", time=day(1), amount="9.00", currency="USD")
    await publish(lease, INTERACTIONS, [record(first), record(first), record(other)])
    await publish(
        lease, INTERACTIONS, [record(first), record(other), record(interaction(subject="shop:4", time=day(2)))]
    )

    async def counted():  # type: ignore[no-untyped-def]
        profile = await profile_of(lease, "shop:4")
        return profile is not None and profile.aggregates.purchases == 2 and profile

    profile = await eventually(counted, what="two purchases")
    assert profile.aggregates.spend == {"USD": "11.00"}
    async with profiles.database.connection() as connection:
        assert await connection.fetchval("select count(*) from conflicts") == 1


async def test_linked_references_become_one_customer(lease: Lease, profiles: Application) -> None:
    """A link joins two customers under the smaller id; the other says where it went."""
    await publish(lease, INTERACTIONS, [record(interaction(subject=f"shop:{n}", time=day(n))) for n in (5, 6)])
    await publish(
        lease, INTERACTIONS, [record(interaction("customer.linked", subject="shop:5", time=day(7), reference="shop:6"))]
    )
    winner, loser = sorted(map(customer_id_of, ("shop:5", "shop:6")))

    async def merged():  # type: ignore[no-untyped-def]
        found = await last_per_key(lease, PROFILES)
        return found if loser in found and found[loser].data.status == "merged" else None

    found = await eventually(merged, what="the merge")
    assert found[loser].data.merged_into == winner
    assert found[winner].data.aggregates.purchases == 2
    assert found[winner].data.references == ("shop:5", "shop:6")


async def test_time_alone_moves_a_customer_to_the_next_class(
    lease: Lease, profiles: Application, clock: ManualClock
) -> None:
    """Sixty days and a second after the last purchase a customer is lapsing, without any interaction."""
    await publish(lease, INTERACTIONS, [record(interaction(subject="shop:7", time=day(9)))])

    async def known():  # type: ignore[no-untyped-def]
        return await profile_of(lease, "shop:7")

    await eventually(known, what="the profile")
    clock.move_to(day(69) + timedelta(seconds=1))

    async def lapsing():  # type: ignore[no-untyped-def]
        profile = await profile_of(lease, "shop:7")
        return profile is not None and profile.lifecycle == "lapsing" and profile

    profile = await eventually(lapsing, what="lapsing")
    assert profile.lifecycle_since == day(69)
