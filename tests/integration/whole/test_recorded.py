"""Topics that a released version wrote, played into today's services."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.kafka.topics import ALERTS, INTERACTIONS, PROFILES, SCORES, Topic
from tests.contracts.recording import Recording, recordings, this_version
from tests.integration.whole.looking import all_dead_letters, handled
from tests.support.canonical import State, read_state
from tests.support.stack import Lease
from tests.support.topics import publish
from tests.support.waiting import eventually
from tests.support.world import World, open_world

READERS = ((PROFILES, ("scoring", "alerts", "notify")), (SCORES, ("alerts",)), (ALERTS, ("notify",)))


@pytest.fixture(params=recordings(), ids=lambda recording: recording.version)
async def played(
    request: pytest.FixtureRequest, stack: EmbeddedStack | ExternalStack, templates: dict[str, str]
) -> AsyncIterator[tuple[Recording, World]]:
    """The interactions of one version in a new world, at the instant at which that version ended."""
    recording: Recording = request.param
    at, _ = recording.state()
    lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
    try:
        async with open_world(lease, at) as world:
            await publish(lease, INTERACTIONS, recording.records(INTERACTIONS))
            await world.rest()
            yield recording, world
    finally:
        await lease.drop()


def newer(topic: Topic, records: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The last record of each key as a later release may write it: with fields nobody knows, and a higher version."""
    made = {}
    for key, value in records:
        said: dict[str, Any] = json.loads(value)
        said["in_a_later_version"] = {"x": [1]}
        said["data"]["in_a_later_version"] = {"x": [1]}
        said["version"] += 10**15
        made[key] = msgspec.json.encode(said)
    return list(made.items())


def lasting(state: State) -> State:
    """Without what scores were at the instant at which they were looked at last."""
    scores = {
        one: {**data, "kinds": {name: _bands(kind) for name, kind in data.get("kinds", {}).items()}}
        for one, data in state["scoring"].items()
    }
    return {**state, "scoring": scores}


def _bands(kind: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in kind.items() if name not in ("value", "contributions")}


async def test_old_records_lead_to_the_same_and_those_of_a_later_release_do_no_harm(
    played: tuple[Recording, World],
) -> None:
    """Nothing is set aside; what the services conclude is what they concluded then. Fields and types that nobody
    knows are ignored or kept; the old snapshots themselves are handled by everybody who reads them."""
    recording, world = played
    assert not any((await all_dead_letters(world)).values())
    if recording.version == this_version():  # what another release concludes may differ, and its changelog says so
        now = json.loads(json.dumps(await read_state(world.dsns)))
        assert lasting(now) == lasting(recording.state()[1])
    key, value = recording.records(INTERACTIONS)[0]
    unknown = json.loads(value) | {"id": "later", "type": "customer.teleported", "data": {"where": "x"}, "later": 1}
    await publish(world.lease, INTERACTIONS, [(key, json.dumps(unknown).encode())])
    await world.rest()
    for topic, readers in READERS:
        records = newer(topic, recording.records(topic))
        wanted = {name: _handled(world, name, topic) + len(records) for name in readers}
        await publish(world.lease, topic, records)
        await eventually(partial(_are_through, world, topic, wanted), what=f"{topic.name} in {readers}")
    await world.rest()
    assert not any((await all_dead_letters(world)).values())


async def _are_through(world: World, topic: Topic, wanted: dict[str, int]) -> bool:
    return all(_handled(world, name, topic) >= count for name, count in wanted.items())


def _handled(world: World, name: str, topic: Topic) -> int:
    return sum(handled(world, name, topic, outcome) for outcome in ("applied", "duplicate", "stale"))
