"""Brings the alerts of some customers in line with what the rules say of them at an instant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.alerts.domain import entities as domain
from services.alerts.domain.decide import Decision, decide
from services.alerts.domain.entities import Alert, Subject
from services.alerts.domain.rulings import Ruling
from services.alerts.handlers.rulebook import Rulebook
from services.alerts.handlers.storage import AlertStore, DueSubject, Stored
from services.alerts.metrics import AlertMetrics
from shared.clock import Clock, pause
from shared.contracts import Anchor, Snapshot
from shared.ids import alert_id_of, next_version
from shared.pipeline import Publication

PART = 500

References = dict[str, tuple[str, ...]]
"""By customer id."""


@dataclass(frozen=True, slots=True)
class Decided:
    """When each customer is due next, and the alerts that changed (stored, not yet published)."""

    due: list[DueSubject]
    changed: list[Publication]


class Decider:
    """The one way in which alerts change without people.

    `settled` are the clocks, one per topic, that stand at the last instant of which everything has arrived.
    """

    def __init__(self, rulebook: Rulebook, metrics: AlertMetrics, *, settled: Mapping[str, Clock]) -> None:
        self.rulebook = rulebook
        self.settled = settled
        self._metrics = metrics

    async def decide(self, store: AlertStore, topic: str, subjects: Sequence[Subject], now: datetime) -> Decided:
        """Decide everything `topic`'s rules say of these customers, whose rows are locked, and store the alerts.

        May be called again with the same: it changes nothing then. Raises StaleReadError when another process raised
        one of the alerts at the same moment.
        """
        due: list[DueSubject] = []
        changed: dict[str, Publication] = {}
        # The oldest first: should two snapshots claim one reference, the newer has the last word.
        ordered = sorted(subjects, key=lambda subject: (subject.version, subject.customer_id))
        # In parts, so that neither a statement nor the time between two of them comes near its limit.
        for start in range(0, len(ordered), PART):
            part = await self._decide_part(store, topic, ordered[start : start + PART], now)
            due.extend(part.due)
            changed.update({entry.entity_id: entry for entry in part.changed})
            await pause(0)
        due.sort(key=lambda entry: entry.subject.customer_id)
        return Decided(due, list(changed.values()))

    async def _decide_part(self, store: AlertStore, topic: str, subjects: Sequence[Subject], now: datetime) -> Decided:
        rulings = self.rulebook.of(topic)
        held, loose, gone = await self._references(store, topic, subjects)
        references = sorted({reference for references in held.values() for reference in references})
        rule_ids = [ruling.rule.id for ruling in rulings]
        rows = await store.lock_alerts(references, sorted(loose), rule_ids) if references or loose else []
        bench = _Bench(held, loose, rows)
        due: list[DueSubject] = []
        settled_at = self.settled[topic].now()
        for subject in subjects:
            next_at: datetime | None = None
            for ruling in rulings if subject.customer_id not in gone else ():
                alerts = bench.alerts_of(subject, ruling)
                verdict = decide(ruling, subject, alerts, now, settled_at=settled_at, identify=_identify)
                bench.carry_out(verdict.decisions, subject)
                if verdict.next_at is not None and (next_at is None or verdict.next_at < next_at):
                    next_at = verdict.next_at
            due.append(DueSubject(subject, next_at))
        self._metrics.count(bench.decisions)
        return Decided(due, await write_alerts(store, bench.changes(), bench.stored, now))

    async def _references(
        self, store: AlertStore, topic: str, subjects: Sequence[Subject]
    ) -> tuple[References, set[str], set[str]]:
        """Which references each customer holds, whose alerts are to be found by customer id besides, and who is gone.

        Profiles say it themselves. Scores do not know references; those of the profile they were computed from are
        taken if they are still (and already) in the store. Otherwise a score's alerts are those under its customer and
        those anchored at references that its bands name; when the profile arrives the customer is woken.
        Gone is who was merged away after the profile that a score was computed from: its alerts are the winner's to
        decide by now, and the score that says so is on its way.
        """
        loose = {subject.customer_id for subject in subjects if subject.status == "erased"}
        held = {subject.customer_id: subject.references for subject in subjects}
        if topic == "profile":
            return held, loose, set()
        gone: set[str] = set()
        profiles = await store.list_references(list(held))
        for subject in subjects:
            known = profiles.get(subject.customer_id)
            if subject.status != "active":
                continue
            if known is not None and known.since_version <= subject.profile_version <= known.version:
                held[subject.customer_id] = known.references
            elif known is not None and not known.references and subject.profile_version < known.since_version:
                held[subject.customer_id] = ()
                gone.add(subject.customer_id)
            else:
                loose.add(subject.customer_id)
        return held, loose, gone


_NONE: set[str] = set()


class _Bench:
    """The alerts at hand while a batch is decided: found by the reference of their anchor, or by customer."""

    def __init__(self, held: References, loose: set[str], rows: Sequence[Stored]) -> None:
        self._held, self._loose = held, loose
        self.stored = {row.alert.alert_id: row for row in rows}
        self.decisions: list[Decision] = []
        self._alerts: dict[str, Alert] = {}
        self._changed: dict[str, str] = {}
        self._by_reference: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_customer: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in rows:
            self._put(row.alert)

    def alerts_of(self, subject: Subject, ruling: Ruling) -> dict[domain.Anchor, Alert]:
        """The alerts of this rule that are this customer's to decide."""
        rule_id = ruling.rule.id
        ids: set[str] = set()
        for reference in self._held[subject.customer_id]:
            ids |= self._by_reference.get((rule_id, reference), _NONE)
        if subject.customer_id in self._loose:
            ids |= self._by_customer.get((rule_id, subject.customer_id), _NONE)
        if not ids:
            return {}
        found = [self._alerts[alert_id] for alert_id in sorted(ids)]
        return {alert.evidence.anchor: alert for alert in found}

    def carry_out(self, decisions: Iterable[Decision], subject: Subject) -> None:
        """Remember what was decided."""
        for decision in decisions:
            self.decisions.append(decision)
            self._put(decision.alert)
            self._changed[decision.alert.alert_id] = subject.correlationid

    def changes(self) -> list[tuple[Alert, str]]:
        """The alerts that changed, by id, each with the correlation id of the cause."""
        return [(self._alerts[alert_id], self._changed[alert_id]) for alert_id in sorted(self._changed)]

    def _put(self, alert: Alert) -> None:
        before = self._alerts.get(alert.alert_id)
        if before is not None:
            self._by_customer[(before.rule_id, before.customer_id)].discard(alert.alert_id)
        self._alerts[alert.alert_id] = alert
        self._by_reference[(alert.rule_id, alert.evidence.anchor.reference)].add(alert.alert_id)
        self._by_customer[(alert.rule_id, alert.customer_id)].add(alert.alert_id)


async def write_alerts(
    store: AlertStore, changes: Sequence[tuple[Alert, str]], stored: dict[str, Stored], now: datetime
) -> list[Publication]:
    """Store changed alerts under a new version each; what is in `stored` is locked, the rest is new."""
    if not changes:
        return []
    micros = await store.get_database_micros()
    fresh: list[Snapshot[Alert]] = []
    known: list[Snapshot[Alert]] = []
    for alert, correlationid in changes:
        row = stored.get(alert.alert_id)
        version = next_version(row.version if row is not None else 0, micros)
        (known if row is not None else fresh).append(envelope(alert, version, now, correlationid))
    encoded: dict[str, bytes] = {}
    if fresh:
        encoded.update(await store.insert_alerts(fresh))
    if known:
        encoded.update(await store.update_alerts(known))
    return [Publication(entry.subject, entry.version, encoded[entry.subject]) for entry in (*fresh, *known)]


def envelope(alert: Alert, version: int, now: datetime, correlationid: str) -> Snapshot[Alert]:
    """The alert as it travels."""
    return Snapshot(
        id=f"{alert.alert_id}:{version}",
        source="ebbtide/alerts",
        type="ebbtide.alert",
        subject=alert.alert_id,
        time=now,
        version=version,
        correlationid=correlationid,
        data=alert,
    )


def _identify(rule_id: str, anchor: domain.Anchor) -> str:
    return alert_id_of(rule_id, Anchor(reference=anchor.reference, source=anchor.source, id=anchor.id))
