"""Interactions into the archive: each identity once, and what contradicts it set aside."""

from collections.abc import Sequence

import msgspec

from services.profiles.domain.archive import Archive, Identity, TimelineRow
from services.profiles.metrics import ProfileMetrics
from shared.contracts import Interaction
from shared.pipeline import Received

Records = Sequence[Received[Interaction]]


class Timeline:
    """Appends to the archive."""

    def __init__(self, metrics: ProfileMetrics) -> None:
        self._metrics = metrics
        self._decode = msgspec.json.Decoder(Interaction).decode

    async def append(self, store: Archive, records: Records) -> list[Interaction]:
        """Store what is new, each identity once; returns it. Another body under a known identity is kept aside."""
        first: dict[Identity, int] = {}
        rows: list[TimelineRow] = []
        repeated: list[int] = []
        for ordinal, record in enumerate(records):
            one = record.value
            identity = (one.subject, one.source, one.id)
            if first.setdefault(identity, ordinal) == ordinal:
                rows.append((ordinal, *identity, one.time, record.raw))
            else:
                repeated.append(ordinal)
        known = await store.append_interactions(rows)
        if known or repeated:
            await self._keep_conflicts(store, records, sorted(known) + repeated)
        return (
            [records[row[0]].value for row in rows if row[0] not in known]
            if known
            else [records[row[0]].value for row in rows]
        )

    async def _keep_conflicts(self, store: Archive, records: Records, ordinals: Sequence[int]) -> None:
        duplicates = [(_identity(records[ordinal].value), records[ordinal]) for ordinal in ordinals]
        stored = await store.list_bodies(sorted({identity for identity, _ in duplicates}))
        conflicts = {
            identity: _what_it_says(record.value)
            for identity, record in duplicates
            if not _says_the_same(self._decode(stored[identity]), record.value)
        }
        if conflicts:
            self._metrics.conflicts.inc(len(conflicts))
            await store.append_conflicts(conflicts)


def _identity(interaction: Interaction) -> Identity:
    return interaction.subject, interaction.source, interaction.id


def _what_it_says(interaction: Interaction) -> bytes:
    """Without how it came: sent again under another correlation id it is the same conflict."""
    return msgspec.json.encode(msgspec.structs.replace(interaction, correlationid=""))


def _says_the_same(one: Interaction, other: Interaction) -> bool:
    """Whether two bodies under one identity differ only in how they came."""
    return (one.time, one.type, one.data, one.pii) == (other.time, other.type, other.data, other.pii)
