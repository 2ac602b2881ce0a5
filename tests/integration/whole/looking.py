"""What the stores of a world say, and events to tell it."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from shared.ids import customer_id_of
from shared.kafka.topics import Topic
from tests.contracts.recording import read_raw
from tests.support.world import World


def event(name: str, subject: str, at: datetime, kind: str = "purchase", **more: Any) -> dict[str, Any]:
    """As a company system emits it: a purchase, unless told otherwise."""
    data = {"amount": "10.00", "currency": "USD"} if kind == "purchase" else {}
    return {
        "specversion": "1.0",
        "id": name,
        "source": "shop",
        "type": f"customer.{kind}",
        "subject": subject,
        "time": at.isoformat(),
        "data": data,
    } | more


async def rows(world: World, service: str, query: str, *arguments: Any) -> list[Any]:
    async with world.apps[service].database.connection() as connection:
        return list(await connection.fetch(query, *arguments))


async def dead_letters(world: World, service: str, topic: Topic) -> Counter[str]:
    """Reason to how many records of a topic a service has set aside."""
    name = topic.prefixed(world.lease.prefix).name
    found = await rows(world, service, "select reason from dead_letters where topic = $1", name)
    return Counter(row["reason"] for row in found)


async def all_dead_letters(world: World) -> Mapping[str, int]:
    """Service to how many records it has set aside."""
    return {name: (await rows(world, name, "select count(*) from dead_letters"))[0][0] for name in world.apps}


def handled(world: World, service: str, topic: Topic, outcome: str) -> int:
    """Records with this outcome, of everything this service has finished."""
    labels = {"topic": topic.prefixed(world.lease.prefix).name, "outcome": outcome}
    return int(world.apps[service].registry.get_sample_value("ebbtide_records_handled_total", labels) or 0)


async def customer(world: World, reference: str) -> dict[str, Any]:
    """The customer's record, by the id of its first reference."""
    found: dict[str, Any] = await world.get("profiles", f"/v1/customers/{customer_id_of(reference)}")
    return found


async def versions(world: World, topic: Topic, reference: str) -> list[tuple[str, int]]:
    """(entity, version) of every record of a topic about this customer, in the order in which they lie there.

    What cannot be read is somebody else's.
    """
    mine, found = customer_id_of(reference), []
    for key, value in await read_raw(world.lease, topic):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            one = msgspec.json.decode(value, type=topic.payload)
            if one.data.customer_id == mine:
                found.append((key.decode(), one.version))
    return found
