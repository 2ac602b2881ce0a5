"""Requests share the way to the broker, and each hears the truth about its own records."""

import asyncio
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.gateways.outlet import GOOD_SEND_BYTES, LANES, GroupedOutlet
from services.ingest.metrics import IngestMetrics
from shared.clock import pause
from shared.errors import TransientError

Sent = list[tuple[bytes, bytes | None]]


class Broker:
    """Acknowledges when it is told to."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.open = asyncio.Event()
        self.failure: Exception | None = None

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.sent.append(list(records))
        await self.open.wait()
        if self.failure is not None:
            raise self.failure


def outlet(broker: Broker, patience: float = 60) -> GroupedOutlet:
    return GroupedOutlet(
        broker, "interactions.v1", patience_seconds=patience, metrics=IngestMetrics(CollectorRegistry())
    )


async def test_first_leaves_at_once_and_what_arrives_shortly_after_it_leaves_together() -> None:
    broker = Broker()
    broker.open.set()
    out = outlet(broker)
    await asyncio.gather(*(out.send([(b"k%d" % n, b"v")]) for n in range(10)))
    assert [[key for key, _ in group] for group in broker.sent] == [[b"k0"], [b"k%d" % n for n in range(1, 10)]]


async def test_what_arrives_while_all_lanes_are_taken_leaves_together() -> None:
    broker = Broker()
    out = outlet(broker)
    large = b"x" * GOOD_SEND_BYTES
    tasks = [asyncio.create_task(out.send([(b"k%d" % n, large)])) for n in range(10)]
    while len(broker.sent) < LANES:
        await pause(0)
    broker.open.set()
    await asyncio.gather(*tasks)
    assert [len(group) for group in broker.sent] == [1] * LANES + [10 - LANES]
    assert [key for group in broker.sent for key, _ in group] == [b"k%d" % n for n in range(10)]


@pytest.mark.parametrize("failure", [TransientError("away"), RuntimeError("a defect")])
async def test_failure_is_an_unknown_outcome_for_all_of_the_group(failure: Exception) -> None:
    broker = Broker()
    broker.failure = failure
    broker.open.set()
    out = outlet(broker)
    results = await asyncio.gather(*(out.send([(b"k", b"v")]) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [TransientError] * 5
    broker.failure = None
    await out.send([(b"k", b"v")])


async def test_silence_of_the_broker_ends_in_time_and_takes_back_what_waits() -> None:
    broker = Broker()
    out = outlet(broker, patience=0.01)
    large = b"x" * GOOD_SEND_BYTES
    results = await asyncio.gather(*(out.send([(b"k%d" % n, large)]) for n in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [TransientError] * 5
    assert len(broker.sent) == LANES
    broker.open.set()
    patient = outlet(broker)
    await patient.send([(b"after", b"v")])
    assert broker.sent[LANES:] == [[(b"after", b"v")]]


async def test_caller_that_goes_away_disturbs_nobody() -> None:
    broker = Broker()
    out = outlet(broker)
    gone = asyncio.create_task(out.send([(b"gone", b"v")]))
    stays = asyncio.create_task(out.send([(b"stays", b"v")]))
    while not broker.sent:
        await pause(0)
    gone.cancel()
    broker.open.set()
    await stays
    assert gone.cancelled() or (await asyncio.gather(gone, return_exceptions=True)) is not None


async def test_too_much_waiting_is_told_at_once() -> None:
    out = outlet(Broker(), patience=0.2)
    large = [(b"k", b"x" * (17 * 1024 * 1024))]
    results = await asyncio.gather(*(out.send(large) for _ in range(LANES + 2)), return_exceptions=True)
    assert any("too much" in str(result) for result in results)
