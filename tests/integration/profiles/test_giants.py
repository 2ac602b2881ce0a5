"""Customers with very many interactions: what comes late is not computed from the first one on."""

from datetime import timedelta

import msgspec
import yaml

from services.profiles.domain.policy import parse_policy
from services.profiles.domain.profiles import recompute
from services.profiles.store import ProfileStore
from shared.application import Application
from shared.contracts import Interaction, Profile
from shared.ids import customer_id_of
from shared.kafka.topics import INTERACTIONS
from tests.integration.profiles.test_profiles import profile_of
from tests.support.builders import day, interaction, record
from tests.support.stack import ROOT, Lease
from tests.support.topics import publish
from tests.support.waiting import eventually

GIANT = "shop:9"
HOUR = timedelta(hours=1)
POLICY = ROOT / "deploy" / "config" / "policy.yaml"


def visit(number: int) -> Interaction:
    return interaction(subject=GIANT, id=f"v{number:05}", type="customer.visit", time=day(-200) + number * HOUR)


def bought(number: float, amount: str) -> Interaction:
    return interaction(subject=GIANT, id=f"p{number}", time=day(-200) + number * HOUR, amount=amount, currency="USD")


async def told(lease: Lease, *interactions: Interaction, count: int) -> Profile:
    """The profile once it knows of so many interactions."""
    await publish(lease, INTERACTIONS, [record(one) for one in interactions])

    async def counted() -> Profile | None:
        profile: Profile | None = await profile_of(lease, GIANT)
        return profile if profile is not None and profile.aggregates.interactions == count else None

    found = await eventually(counted, what=f"{count} interactions")
    assert found is not None
    return found


async def checkpoints(profiles: Application) -> list[int]:
    """After how many thousands there is one."""
    customer_id = customer_id_of(GIANT)
    async with profiles.database.connection() as connection:
        sizes = await ProfileStore(connection).list_checkpoint_sizes([customer_id])
    return [size // 1_000 for size in sizes[customer_id]]


async def test_from_a_checkpoint_a_giant_becomes_what_they_become_from_the_first_interaction(
    lease: Lease, profiles: Application
) -> None:
    """What is late lands behind a checkpoint, before all of them, and between two; those that lack it are gone."""
    visits = [visit(number) for number in range(4_500)]
    for start in range(0, len(visits), 500):
        await told(lease, *visits[start : start + 500], count=start + 500)
    assert await checkpoints(profiles) == [1, 2, 3, 4]
    late = [bought(2_500.5, "1.00"), bought(10.5, "2.00"), bought(4_400.5, "4.00")]
    await told(lease, late[0], count=4_501)
    assert await checkpoints(profiles) == [1, 2, 4]
    await told(lease, late[1], count=4_502)
    assert await checkpoints(profiles) == [4]
    giant = await told(lease, late[2], count=4_503)
    policy = parse_policy(yaml.safe_load(POLICY.read_text(encoding="utf-8")))
    anew = recompute(customer_id_of(GIANT), [GIANT], [*visits, *late], policy, profiles.clock.now())
    assert giant == msgspec.json.decode(msgspec.json.encode(anew), type=Profile)
    assert giant.aggregates.spend == {"USD": "7.00"}
