"""The way to the broker: requests that arrive shortly after one another leave together."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.ingest.metrics import IngestMetrics
from shared.errors import TransientError
from shared.pipeline import Publication

log = structlog.get_logger(__name__)

Records = Sequence[tuple[bytes, bytes]]

# A request that comes sooner after the last send waits for others this long; the broker's work is by the send.
GATHER_SECONDS = 0.03
# So much is worth a send of its own.
GOOD_SEND_BYTES = 128 * 1024
# Sends under way at once. A second lets the next group be built while the first is being acknowledged.
LANES = 2
# Bytes that may wait for a lane; beyond that the broker is away and callers are told at once.
MAX_WAITING_BYTES = 32 * 1024 * 1024


class Sender(Protocol):
    """What of the Kafka publisher is needed here."""

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    records: Records
    size: int
    acknowledged: "asyncio.Future[None]"


class GroupedOutlet:
    """Sends interactions to one topic. Keeps nothing: what was not acknowledged in time is the caller's to repeat."""

    def __init__(self, sender: Sender, topic: str, *, patience_seconds: float, metrics: IngestMetrics) -> None:
        self._sender = sender
        self._topic = topic
        self._patience_seconds = patience_seconds
        self._metrics = metrics
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._next_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    async def send(self, records: Records) -> None:
        """Returns when all are acknowledged. Raises TransientError when that is unknown after the time allowed.

        Giving up, or being cancelled, takes back what has not left yet; what has left may still arrive.
        """
        size = sum(len(value) for _, value in records)
        if self._waiting and self._waiting_bytes + size > MAX_WAITING_BYTES:
            self._metrics.unknown.inc(len(records))
            raise TransientError("too much is waiting for Kafka")
        entry = _Waiting(records, size, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._waiting_bytes += size
        self._dispatch()
        try:
            async with asyncio.timeout(self._patience_seconds):
                await entry.acknowledged
        except TimeoutError:
            self._metrics.unknown.inc(len(records))
            raise TransientError(f"Kafka did not acknowledge within {self._patience_seconds} s") from None
        except TransientError:
            self._metrics.unknown.inc(len(records))
            raise
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._waiting_bytes -= size

    def _dispatch(self) -> None:
        if not self._waiting or len(self._under_way) >= LANES:
            return
        loop = asyncio.get_running_loop()
        if self._waiting_bytes < GOOD_SEND_BYTES and loop.time() < self._next_at:
            if self._alarm is None:
                self._alarm = loop.call_at(self._next_at, self._dispatch_later)
            return
        self._next_at = loop.time() + GATHER_SECONDS
        group, self._waiting = self._waiting, []
        self._waiting_bytes = 0
        task = asyncio.create_task(self._send(group))
        self._under_way.add(task)
        task.add_done_callback(self._landed)

    def _dispatch_later(self) -> None:
        self._alarm = None
        self._dispatch()

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._dispatch()

    async def _send(self, group: Sequence[_Waiting]) -> None:
        failure: TransientError | None = None
        try:
            with self._metrics.acknowledged_seconds.time():
                await self._sender.send(self._topic, _records(group))
        except TransientError as error:
            failure = error
        except Exception:
            log.exception("send_failed", records=sum(len(entry.records) for entry in group))
            failure = TransientError("sending failed in a way nobody foresaw; its outcome is unknown")
        for entry in group:
            if entry.acknowledged.done():
                continue
            if failure is None:
                entry.acknowledged.set_result(None)
            else:
                entry.acknowledged.set_exception(failure)


class BatchOutlet:
    """Publishes the interactions of one batch of Kafka records. They are never changed, so no version is checked, and
    one that is published again is a duplicate."""

    def __init__(self, sender: Sender, topic: str, *, metrics: IngestMetrics) -> None:
        self._sender = sender
        self._topic = topic
        self._metrics = metrics

    async def publish(self, publications: Sequence[Publication], *, again: bool = False) -> None:
        """Returns when all are acknowledged. Raises TransientError; then all of it must be done again."""
        if publications:
            await self._sender.send(self._topic, ((one.entity_id.encode(), one.payload) for one in publications))
            self._metrics.accepted.inc(len(publications))


def _records(group: Sequence[_Waiting]) -> Iterator[tuple[bytes, bytes]]:
    for entry in group:
        yield from entry.records
