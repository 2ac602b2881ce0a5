"""One batch of profiles or scores to the alerts of their customers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.alerts.domain.entities import Subject
from services.alerts.domain.snapshots import ProfilePart, ScorePart, subject_of_profile, subject_of_score
from services.alerts.handlers.deciding import Decider
from services.alerts.handlers.storage import AlertStore, Kept, OpenStore
from shared.clock import Clock
from shared.contracts import Snapshot
from shared.ids import customer_id_of
from shared.pipeline import Outcome, Publication, Received
from shared.postgres import Connection

# A part of a snapshot, its version and correlation id, as rules see the customer.
SubjectOf = Callable[[Any, int, str], Subject]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The records of a batch: the newest of each customer that is news, and from where on others were known already."""

    news: list[Snapshot[Any]]
    reruns: dict[str, int]


class Batches:
    """Handlers of profiles.v1 (activity and event rules) and scores.v1 (score rules).

    Published is what changed, and, for customers of whom a record had been stored before (a batch that died between
    storing and publishing is run again), every alert last decided on that record or a later one.
    """

    def __init__(self, decider: Decider, *, clock: Clock, store: OpenStore) -> None:
        self._decider = decider
        self._clock = clock
        self._store = store

    async def on_profiles(self, connection: Connection, records: Sequence[Received[Snapshot[ProfilePart]]]) -> Outcome:
        """Decide what activity and event rules say of these customers. Runs in the batch's transaction."""
        return await self._handle(self._store(connection), "profile", records, subject_of_profile)

    async def on_scores(self, connection: Connection, records: Sequence[Received[Snapshot[ScorePart]]]) -> Outcome:
        """Decide what score rules say of these customers. Runs in the batch's transaction."""
        return await self._handle(self._store(connection), "score", records, subject_of_score)

    async def _handle(
        self, store: AlertStore, topic: str, records: Sequence[Received[Snapshot[Any]]], subject_of: SubjectOf
    ) -> Outcome:
        now = self._clock.now()
        rules_version = self._decider.rulebook.rules.version
        kept = await store.lock_subjects(topic, sorted({one.value.subject for one in records}))
        batch = _sort(records, kept)
        publications: dict[str, Publication] = {}
        if batch.reruns:
            again = [one.value for one in records if one.value.subject in batch.reruns]
            for entry in await self._stored_before(store, topic, _subjects(again, subject_of), batch.reruns):
                publications[entry.entity_id] = entry
        if batch.news:
            news = _subjects(batch.news, subject_of)
            decided = await self._decider.decide(store, topic, news, now)
            await store.upsert_subjects(topic, decided.due, rules_version)
            publications.update({entry.entity_id: entry for entry in decided.changed})
            if topic == "profile":
                await self._wake(store, news, kept)
        return Outcome(list(publications.values()), applied=len(batch.news), stale=len(records) - len(batch.news))

    async def _stored_before(
        self, store: AlertStore, topic: str, again: Sequence[Subject], reruns: Mapping[str, int]
    ) -> Iterable[Publication]:
        references = sorted({reference for subject in again for reference in subject.references})
        rule_ids = [ruling.rule.id for ruling in self._decider.rulebook.of(topic)]
        rows = await store.list_alerts_of_references(references, sorted(reruns), rule_ids)
        oldest = min(reruns.values())
        return [
            Publication(row.alert.alert_id, row.version, row.payload)
            for row in rows
            if row.alert.cause_version >= reruns.get(row.alert.customer_id, oldest)
        ]

    async def _wake(self, store: AlertStore, news: Sequence[Subject], kept: Mapping[str, Kept]) -> None:
        """References that moved to another customer take their alerts along: whoever may be concerned decides again."""
        scored: set[str] = set()
        others: set[str] = set()
        for subject in news:
            before = kept.get(subject.customer_id)
            if before is None and len(subject.references) < 2 and subject.merged_into is None:
                continue
            dropped = set(before.references if before is not None else ()) - set(subject.references)
            if dropped or before is None or len(before.references) != len(subject.references):
                scored.add(subject.customer_id)
            others.update(customer_id_of(reference) for reference in dropped)
            if subject.merged_into is not None:
                # Of a customer first heard of as merged an old score may have come before this.
                (others if dropped else scored).add(subject.merged_into)
        # At once: the timers go by the settled clocks.
        if others:
            await store.wake_subjects("profile", sorted(others), self._decider.settled["profile"].now())
        if scored or others:
            await store.wake_subjects("score", sorted(scored | others), self._decider.settled["score"].now())


def _subjects(snapshots: Iterable[Snapshot[Any]], subject_of: SubjectOf) -> list[Subject]:
    return [subject_of(one.data, one.version, one.correlationid) for one in snapshots]


def _sort(records: Sequence[Received[Snapshot[Any]]], kept: Mapping[str, Kept]) -> _Sorted:
    newest: dict[str, Snapshot[Any]] = {}
    reruns: dict[str, int] = {}
    for record in records:
        snapshot = record.value
        customer_id = snapshot.subject
        known = kept.get(customer_id)
        if known is not None and snapshot.version <= known.version:
            reruns[customer_id] = min(snapshot.version, reruns.get(customer_id, snapshot.version))
        elif customer_id not in newest or newest[customer_id].version < snapshot.version:
            newest[customer_id] = snapshot
    return _Sorted([newest[customer_id] for customer_id in sorted(newest)], reruns)
