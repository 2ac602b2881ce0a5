"""Whatever order, doubled or cut into whatever batches: what the services conclude is the same."""

import random
from typing import Any

import pytest

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from tests.support.builders import DAY, day
from tests.support.canonical import State, hash_of, read_state
from tests.support.stack import Lease
from tests.support.world import open_world

NOW = day(400)
CUSTOMERS = 40
WAYS = ((1, 10_000), (2, 37), (3, 400))


@pytest.mark.timeout(240)
async def test_three_shuffled_orders_with_duplicates_and_other_batches_give_one_hash(
    stack: EmbeddedStack | ExternalStack, templates: dict[str, str]
) -> None:
    """Purchases, refunds, complaints, links between references, consents, surveys: of 40 people in 60 references."""
    states: list[State] = []
    for seed, batch in WAYS:
        lease = Lease(stack.kafka_bootstrap, stack.admin_dsn, templates)
        try:
            states.append(await told(lease, seed=seed, batch=batch))
        finally:
            await lease.drop()
    for other in states[1:]:
        for service, entities in states[0].items():
            different = {
                key for key in entities.keys() | other[service].keys() if entities.get(key) != other[service].get(key)
            }
            shown = [(entities.get(key), other[service].get(key)) for key in sorted(different)[:2]]
            assert not different, f"{service} differ in {sorted(different)}: {shown}"
    assert len({hash_of(state) for state in states}) == 1
    assert len(states[0]["alerts"]) > 50


async def told(lease: Lease, *, seed: int, batch: int) -> State:
    """What the services conclude when they are told in this order, with requests of other sizes."""
    chance = random.Random(seed)
    events = history()
    events += chance.sample(events, len(events) // 5)
    chance.shuffle(events)
    async with open_world(lease, NOW, max_batch_records=batch) as world:
        while events:
            size = chance.randint(1, 120)
            await world.post(events[:size])
            events = events[size:]
            if chance.random() < 0.3:
                await world.rest()
        await world.rest()
        return await read_state(world.dsns)


def history() -> list[dict[str, Any]]:
    """What happened to everybody in 400 days; the same each time it is called."""
    chance = random.Random(0)
    events: list[dict[str, Any]] = []
    for number in range(CUSTOMERS):
        references = [f"shop:{number}"] + ([f"crm:{number}"] if number % 2 else [])
        for _ in range(chance.randint(1, 25)):
            kind, data = chance.choice(DEEDS)
            at = chance.uniform(0, 400) if chance.random() < 0.7 else float(chance.randint(0, 399))
            events.append(event(len(events), kind, chance.choice(references), at, data(chance)))
        for reference in references[1:]:
            events.append(event(len(events), "linked", reference, chance.uniform(0, 400), {"reference": references[0]}))
    return events


def event(number: int, kind: str, subject: str, at: float, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": f"system-{number % 3}",
        "type": f"customer.{kind}",
        "subject": subject,
        "time": (day(0) + at * DAY).isoformat(),
        "data": data,
    }


def money(chance: random.Random) -> dict[str, Any]:
    return {"amount": f"{chance.randint(1, 90)}.{chance.randint(0, 99):02}", "currency": chance.choice(["USD", "EUR"])}


DEEDS: Any = [
    *[("purchase", money)] * 5,
    ("refund", money),
    ("visit", lambda chance: {}),
    ("complaint.opened", lambda chance: {"case": f"c{chance.randint(1, 9)}"}),
    ("complaint.resolved", lambda chance: {"case": f"c{chance.randint(1, 9)}"}),
    ("complaint.answered", lambda chance: {"case": f"c{chance.randint(1, 9)}"}),
    ("consent", lambda chance: {"channel": "email", "purpose": "marketing", "granted": chance.random() < 0.5}),
    ("survey.answered", lambda chance: {"kind": "nps", "score": chance.randint(0, 10)}),
    ("owner.assigned", lambda chance: {"owner": chance.choice(["ada", "ben", "lin"])}),
    ("identified", lambda chance: {"locale": chance.choice(["en", "zh-CN"])}),
]
