"""What people do about refused records: send them on, repaired or as they are, or discard them."""

from typing import Any, Protocol

from services.ingest.domain.entities import Emitter
from services.ingest.domain.quarantine import Content, Quarantined, Status
from services.ingest.handlers.cloudevents import event_in
from services.ingest.handlers.interactions import Receipt, Reception
from services.ingest.metrics import IngestMetrics
from shared.errors import EbbtideError


class QuarantineStore(Protocol):
    """What of the store is needed here."""

    async def lock_quarantined(self, quarantine_id: str) -> tuple[Quarantined, Content] | None: ...

    async def settle_quarantined(self, quarantine_id: str, status: Status, by: str) -> Quarantined: ...


class NotQuarantined(EbbtideError):
    """Nothing in quarantine has this id."""


class AlreadySettled(EbbtideError):
    """The record was resubmitted or discarded before; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"this record is {status} already")
        self.status = status


class Quarantine:
    """Settles records. `by` is the principal who decided."""

    def __init__(self, reception: Reception, *, namespace: str | None, metrics: IngestMetrics) -> None:
        self._reception = reception
        self._emitter = Emitter(None, namespace)
        self._metrics = metrics

    async def resubmit(
        self, store: QuarantineStore, quarantine_id: str, repaired: Any, *, by: str, correlation_id: str
    ) -> Receipt:
        """Judge the repaired event, or the record as it came when `repaired` is None, and publish it if it is good.

        Marked only once the broker has acknowledged it; refused, it stays. Broken off in between it stays too, and
        sending it again is a duplicate. Raises NotQuarantined, AlreadySettled; TransientError when nobody knows
        whether it is durable.
        """
        content = await _open_content(store, quarantine_id)
        event = event_in(content.value, content.headers) if repaired is None else repaired
        receipt = await self._reception.receive([event], self._emitter, correlation_id)
        if receipt.accepted:
            await store.settle_quarantined(quarantine_id, Status.RESUBMITTED, by)
            self._metrics.settled.labels(act=Status.RESUBMITTED.value).inc()
        return receipt

    async def discard(self, store: QuarantineStore, quarantine_id: str, *, by: str) -> Quarantined:
        """Nobody needs it; it stays on record. Raises NotQuarantined, AlreadySettled."""
        await _open_content(store, quarantine_id)
        self._metrics.settled.labels(act=Status.DISCARDED.value).inc()
        return await store.settle_quarantined(quarantine_id, Status.DISCARDED, by)


async def _open_content(store: QuarantineStore, quarantine_id: str) -> Content:
    found = await store.lock_quarantined(quarantine_id)
    if found is None:
        raise NotQuarantined("nothing in quarantine has this id")
    entry, content = found
    if entry.status != Status.OPEN:
        raise AlreadySettled(entry.status)
    return content
