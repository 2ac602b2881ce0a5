"""Writes events from standard input, one CloudEvent in JSON a line, to Kafka. Needs `pip install aiokafka`.

    KAFKA_BOOTSTRAP=127.0.0.1:8110 python examples/kafka_emitter.py [--binary] < examples/events.jsonl

Done when the brokers have all of them. After an error run it again: an event is known by its subject, source and id,
and counts once. Whether an event is taken is decided later: what is refused waits in GET /v1/quarantine of ingest.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer

TOPIC = os.environ.get("EBBTIDE_TOPIC", "interactions.inbound.v1")

Event = dict[str, Any]
Record = dict[str, Any]


def structured(event: Event) -> Record:
    """The event is the value."""
    return {
        "value": json.dumps(event).encode(),
        "headers": [("content-type", b"application/cloudevents+json; charset=UTF-8")],
    }


def binary(event: Event) -> Record:
    """The data is the value, everything else a header. There is no place for `pii`: put personal data into `data`."""
    attributes = {name: text for name, text in event.items() if name not in ("data", "pii")}
    return {
        "value": json.dumps({**event.get("pii", {}), **event.get("data", {})}).encode(),
        "headers": [
            ("content-type", b"application/json"),
            *((f"ce_{name}", str(text).encode()) for name, text in attributes.items()),
        ],
    }


async def emit(events: list[Event], *, write: Callable[[Event], Record] = structured) -> None:
    """Returns when the brokers have acknowledged all events. The key keeps those of one customer in order."""
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:8110").split(","),
        enable_idempotence=True,  # a retry of the client writes nothing twice
        compression_type="gzip",
    )
    async with producer:
        sent = [await producer.send(TOPIC, key=event["subject"].encode(), **write(event)) for event in events]
        await asyncio.gather(*sent)


def main() -> None:
    events = [json.loads(line) for line in sys.stdin if line.strip()]
    asyncio.run(emit(events, write=binary if "--binary" in sys.argv else structured))
    print(f"{len(events)} written to {TOPIC}")


if __name__ == "__main__":
    main()
