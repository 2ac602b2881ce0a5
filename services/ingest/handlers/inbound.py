"""What is done with records that others wrote to Kafka: the good ones are published, the others go into quarantine."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from services.ingest.domain.entities import Code, Emitter, Refuse
from services.ingest.domain.references import References
from services.ingest.domain.validation import judge
from services.ingest.handlers.cloudevents import event_in
from services.ingest.handlers.interactions import encode_interaction
from services.ingest.metrics import IngestMetrics
from shared.clock import Clock, pause
from shared.pipeline import Outcome, Publication, RawRecord, Received
from shared.postgres import Connection

log = structlog.get_logger(__name__)

# Judging is pure CPU: let requests and heartbeats in between.
RECORDS_BETWEEN_YIELDS = 200


class InboundStore(Protocol):
    """What of the store is needed here."""

    async def append_quarantine(self, refused: Sequence[tuple[RawRecord, Refuse]]) -> Sequence[str]: ...


class Inbound:
    """Judges each record as HTTP judges an event. Nobody signs what lies in Kafka, so an event must say its source;
    `namespace` is put before references that bring none."""

    def __init__(
        self,
        store: Callable[[Connection], InboundStore],
        *,
        clock: Clock,
        references: References,
        namespace: str | None,
        metrics: IngestMetrics,
    ) -> None:
        self._store = store
        self._clock = clock
        self._references = references
        self._emitter = Emitter(None, namespace)
        self._metrics = metrics

    async def on_records(self, connection: Connection, records: Sequence[Received[RawRecord]]) -> Outcome:
        """In the batch's transaction: what is refused is set aside, once however often the batch is run.

        The same record judged again gives the same bytes, unless it lay in the future: then it may be taken and stand
        in quarantine as well, and resubmitting it is a duplicate.
        """
        accepted: list[Publication] = []
        refused: list[tuple[RawRecord, Refuse]] = []
        now = self._clock.now()
        for index, received in enumerate(records, start=1):
            verdict = self._verdict(received.value, now)
            if isinstance(verdict, Refuse):
                refused.append((received.value, verdict))
            else:
                accepted.append(verdict)
            if index % RECORDS_BETWEEN_YIELDS == 0:
                await pause(0)
        if refused:
            for code in await self._store(connection).append_quarantine(refused):
                self._metrics.quarantined.labels(code=code).inc()
        return Outcome(accepted, applied=len(accepted), refused=len(refused))

    def _verdict(self, record: RawRecord, now: datetime) -> Publication | Refuse:
        try:
            event = event_in(record.value, record.headers)
            if isinstance(event, Refuse):
                return event
            verdict = judge(event, self._emitter, now=now, references=self._references)
            if isinstance(verdict, Refuse):
                return verdict
            correlation_id = f"inbound-{record.partition}-{record.offset}"
            return Publication(verdict.subject, 0, encode_interaction(verdict, correlation_id))
        except Exception as error:
            # One record that we fail at must not shut the door for everybody; nothing of it goes into the log.
            log.error("judging_failed", partition=record.partition, offset=record.offset, error=type(error).__name__)
            return Refuse("event", Code.DEFECT, "judging this event failed, which is a defect of Ebbtide: report it")
