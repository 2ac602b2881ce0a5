"""What is done with the events of one request: judge each, publish the good ones, answer for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from services.ingest.domain.entities import Emitter, Interaction, Refuse
from services.ingest.domain.references import References
from services.ingest.domain.validation import event_id, judge
from services.ingest.metrics import IngestMetrics
from shared import contracts
from shared.clock import Clock
from shared.pii import seal_pii

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Outlet(Protocol):
    """Where accepted interactions go."""

    async def send(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Returns when all are durable; raises TransientError when any may not be."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that was not taken: its place in the request, its id if it had a usable one, and why."""

    index: int
    id: str | None
    field: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a request. `accepted` interactions are durable."""

    accepted: int
    refused: Sequence[Refusal]


class Reception:
    """Takes the events of one request. Sending the same request again is safe: the ids make it a duplicate."""

    def __init__(self, outlet: Outlet, *, clock: Clock, references: References, metrics: IngestMetrics) -> None:
        self._outlet = outlet
        self._clock = clock
        self._references = references
        self._metrics = metrics

    async def receive(self, events: Sequence[Any], emitter: Emitter, correlation_id: str) -> Receipt:
        """Judge and publish. Raises TransientError when it is unknown whether the good ones are durable.

        An element may already be a `Refuse`, when the transport could tell.
        """
        records: list[tuple[bytes, bytes]] = []
        refused: list[Refusal] = []
        now, references = self._clock.now(), self._references
        for index, event in enumerate(events):
            verdict = event if isinstance(event, Refuse) else judge(event, emitter, now=now, references=references)
            if isinstance(verdict, Refuse):
                refused.append(Refusal(index, event_id(event), verdict.field, verdict.code.value, verdict.reason))
            else:
                records.append((verdict.subject.encode(), encode_interaction(verdict, correlation_id)))
        if records:
            await self._outlet.send(records)
        self._metrics.count(len(records), [refusal.code for refusal in refused])
        return Receipt(len(records), refused)


def encode_interaction(interaction: Interaction, correlation_id: str) -> bytes:
    """An accepted interaction as it goes onto the topic."""
    return _ENCODER.encode(
        contracts.Interaction(
            specversion="1.0",
            id=interaction.id,
            source=interaction.source,
            type=interaction.type,
            subject=interaction.subject,
            time=interaction.time,
            data=interaction.data,
            pii=seal_pii(interaction.pii),
            correlationid=correlation_id,
        )
    )
