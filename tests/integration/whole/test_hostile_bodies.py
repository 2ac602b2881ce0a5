"""Bodies that nobody should send: an answer with a stable code, and what is accepted harms no service behind.

`EBBTIDE_HOSTILE_BODIES=10000 EBBTIDE_HOSTILE_SEED=7 pytest tests/integration/whole/test_hostile_bodies.py` tries more.
"""

import asyncio
import os
import re
from typing import Any

import aiohttp
import msgspec
import pytest

from services.ingest.domain.entities import Code
from shared.kafka.topics import INTERACTIONS
from tests.integration.whole.looking import all_dead_letters, dead_letters, event, handled
from tests.support.hostile import CORPUS, mutations
from tests.support.world import World

BODIES = int(os.environ.get("EBBTIDE_HOSTILE_BODIES", "400"))
SEED = int(os.environ.get("EBBTIDE_HOSTILE_SEED", "25"))
AT_ONCE = 20
# Of requests as a whole; events are refused with the codes of the domain.
WHOLE = {"not_json", "body_too_large", "too_many_events"}
INSIDE = re.compile(rb"Traceback|File \"|\.py\b|Error\(|asyncpg|msgspec|site-packages")


async def send(session: aiohttp.ClientSession, url: str, body: bytes) -> int:
    """How many events were accepted; checks that the answer is one that callers can rely on."""
    headers = {"Content-Type": "application/json"}
    async with session.post(f"{url}/v1/interactions", data=body, headers=headers) as answer:
        said = await answer.read()
    assert answer.status in (202, 400, 413, 422), (answer.status, said[:200], body[:200])
    assert not INSIDE.search(said), said
    content: Any = msgspec.json.decode(said)
    if answer.status in (400, 413):
        assert content["code"] in WHOLE, content
        return 0
    assert {refusal["code"] for refusal in content["refused"]} <= set(Code), content
    assert (answer.status == 202) is bool(content["accepted"]), content
    return int(content["accepted"])


@pytest.mark.parametrize("name", CORPUS)
async def test_each_of_the_corpus_is_answered_with_a_code(world: World, name: str) -> None:
    await send(world.session, world.url("ingest"), CORPUS[name])


@pytest.mark.timeout(120 + BODIES)
async def test_mutated_bodies_are_answered_and_what_is_accepted_is_handled_by_everybody(world: World) -> None:
    """No 5xx, no word about our insides; and not one accepted event is set aside by any service behind ingest."""
    url, bodies = world.url("ingest"), mutations(BODIES, seed=SEED)
    before, done = await all_dead_letters(world), _handled(world)

    async def some() -> int:
        return sum([await send(world.session, url, body) for body in bodies])

    accepted = sum(await asyncio.gather(*(some() for _ in range(AT_ONCE))))
    assert accepted > BODIES // 10, "mutations that are all refused show nothing"
    await world.rest(seconds=120)
    dead = await dead_letters(world, "profiles", INTERACTIONS)
    assert await all_dead_letters(world) == before, dead
    assert _handled(world) - done >= accepted
    await world.post([event("after", "shop:after-mutations", world.clock.now())])
    await world.rest()


def _handled(world: World) -> int:
    return sum(handled(world, "profiles", INTERACTIONS, outcome) for outcome in ("applied", "duplicate"))
