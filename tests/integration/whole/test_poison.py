"""Whatever lies on a topic: it is set aside with a reason, its neighbours are handled, and the partition moves on."""

from collections import Counter

import pytest

from shared.errors import DeadReason
from shared.kafka.topics import ALERTS, INTERACTIONS, PROFILES, SCORES, Topic
from tests.integration.whole.looking import all_dead_letters, customer, dead_letters, event, handled
from tests.integration.whole.poison import Written, bad, good, odd, write
from tests.support.waiting import eventually
from tests.support.world import World

READERS = {
    INTERACTIONS.name: ("profiles",),
    PROFILES.name: ("scoring", "alerts", "notify"),
    SCORES.name: ("alerts",),
    ALERTS.name: ("notify",),
}


@pytest.mark.parametrize("topic", [INTERACTIONS, PROFILES, SCORES, ALERTS], ids=lambda topic: topic.name)
async def test_every_kind_of_poison_is_set_aside_and_its_neighbours_are_handled(world: World, topic: Topic) -> None:
    """By every service that reads the topic; headers of any kind, also with names that are no text, decide nothing."""
    poison = bad(topic)
    fine: list[Written] = [*odd(topic).values(), *(good(topic) for _ in range(4 * len(poison)))]
    before = {
        name: (handled(world, name, topic, "applied"), await dead_letters(world, name, topic))
        for name in READERS[topic.name]
    }
    written = list(fine)
    for number, one in enumerate(poison.values()):
        written.insert(5 * number + 2, one)
    await write(world.lease, topic, written)
    for name, (applied, dead) in before.items():

        async def through(name: str = name, applied: int = applied) -> bool:
            return handled(world, name, topic, "applied") >= applied + len(fine)

        await eventually(through, what=f"{len(fine)} good records in {name}")
        await world.rest()
        new = await dead_letters(world, name, topic) - dead
        assert sum(new.values()) == len(poison), f"{name}: {new}"
        assert handled(world, name, topic, "applied") == applied + len(fine)
        assert new.keys() <= set(DeadReason)
        expected = Counter(one.reason for one in poison.values() if one.reason and one.reason != "any")
        assert not expected - new, f"{name}: {new}"


async def test_afterwards_everything_goes_on(world: World) -> None:
    """Nobody has stopped, nobody is halted, and whoever buys now has a record."""
    await world.post([event("after", "shop:after", world.clock.now())])
    await world.rest()
    assert (await customer(world, "shop:after"))["aggregates"]["purchases"] == 1
    assert not [
        pipeline.not_ready() for app in world.apps.values() for _, pipeline in app._pipelines if pipeline.not_ready()
    ]


async def test_entities_that_left_the_topic_are_no_mistake(world: World) -> None:
    """Old alerts end in a tombstone, hundreds at once: nothing is set aside, and the topic is read on."""
    before = await all_dead_letters(world)
    gone = [Written(one.key, None) for one in (good(ALERTS) for _ in range(300))]
    applied = handled(world, "notify", ALERTS, "applied")
    await write(world.lease, ALERTS, [*gone, good(ALERTS)])

    async def through() -> bool:
        return handled(world, "notify", ALERTS, "applied") == applied + 1

    await eventually(through, what="the alert behind the tombstones")
    assert await all_dead_letters(world) == before
