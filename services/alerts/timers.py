"""What is due now: customers whose answer changes by the passing of time, promises that ran out, changed rules."""

from datetime import datetime, timedelta

import structlog

from services.alerts.domain.decide import resolve_removed
from services.alerts.domain.lifecycle import reopen_due
from services.alerts.domain.rulings import Applied
from services.alerts.handlers import Decider, DueSubject, OpenStore
from services.alerts.handlers.deciding import write_alerts
from services.alerts.handlers.storage import AlertStore
from services.alerts.metrics import AlertMetrics
from shared.clock import real_now
from shared.pipeline import Publication, append_to_publish
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

LIMIT = 500
TOPICS = ("profile", "score")
# Real time, because it is about the topic's size: an imported history may be years old by business time.
FORGET_AFTER = timedelta(days=90)
FORGET_EVERY = timedelta(minutes=10)


class Timers:
    """Steps of timer loops: each handles what is due in one transaction, up to a limit, and returns how much."""

    def __init__(self, decider: Decider, *, database: Database, store: OpenStore, metrics: AlertMetrics) -> None:
        self._decider = decider
        self._database = database
        self._store = store
        self._metrics = metrics
        self._forgot_at: datetime | None = None

    async def wake_profiles(self, now: datetime) -> int:
        """Activity and event rules: the same decision as in a batch, with a later `now`."""
        return await self._wake("profile", now)

    async def wake_scores(self, now: datetime) -> int:
        """Score rules: a grace that is over."""
        return await self._wake("score", now)

    async def reopen_promised(self, now: datetime) -> int:
        """Open again what was acknowledged or snoozed until now and still fires."""
        async with self._database.transaction() as connection:
            store = self._store(connection)
            rows = await store.claim_due_promises(now, LIMIT)
            changes = [(after, row.snapshot.correlationid) for row in rows if (after := reopen_due(row.alert, now))]
            stored = {row.alert.alert_id: row for row in rows}
            await _owe(connection, await write_alerts(store, changes, stored, now))
        self._metrics.woken.labels(timer="promises").inc(len(rows))
        return len(rows)

    async def forget_old(self, _: datetime) -> int:
        """Take alerts that ended and did not change for 90 real days off the topic. The store keeps them."""
        real = real_now()
        if self._forgot_at is not None and real - self._forgot_at < FORGET_EVERY:
            return 0
        async with self._database.transaction() as connection:
            before = int((real - FORGET_AFTER).timestamp() * 1_000_000)
            versions = await self._store(connection).tombstone_alerts(before, LIMIT)
            await append_to_publish(connection, versions)
        if not versions:
            self._forgot_at = real
        return len(versions)

    async def _wake(self, topic: str, now: datetime) -> int:
        async with self._database.transaction() as connection:
            store = self._store(connection)
            due = await store.claim_due_subjects(topic, now, LIMIT)
            if due:
                await _owe(connection, await _decide_again(self._decider, store, topic=topic, due=due, now=now))
        for entry in due:
            if entry.next_at is not None:
                self._metrics.lateness.observe(max((now - entry.next_at).total_seconds(), 0))
        self._metrics.woken.labels(timer=topic).inc(len(due))
        return len(due)


class RuleRollout:
    """Puts the rules of this process in force: at once for what happens from now on, in steps for the rest.

    A fresh store takes them as valid for all time. Where others were in force before, firing alerts of removed rules
    resolve, and every customer is decided again under the new rules, which raise nothing that was due earlier.
    """

    def __init__(self, decider: Decider, *, database: Database, store: OpenStore) -> None:
        self._decider = decider
        self._database = database
        self._store = store
        self._completed = False
        self._after: dict[str, str | None] = {}

    async def step(self, now: datetime) -> int:
        """The next part of the work; 0 when it is done."""
        if self._completed:
            return 0
        if not self._decider.rulebook.is_in_force:
            await self._put_in_force(now)
            return 1
        async with self._database.transaction() as connection:
            store = self._store(connection)
            done = await self._resolve_removed(connection, store, now)
            for topic in TOPICS:
                done = done or await self._decide_outdated(connection, store, topic, now)
            if not done:
                await store.complete_rule_version(self._decider.rulebook.rules.version, now)
        if not done:
            self._completed = True
            log.info("rules_rolled_out", version=self._decider.rulebook.rules.version)
        return 1

    async def _put_in_force(self, now: datetime) -> None:
        rules = self._decider.rulebook.rules
        async with self._database.transaction() as connection:
            store = self._store(connection)
            await store.lock_rule_versions()
            applied, completed = await store.list_rule_versions()
            if not applied or applied[-1].version != rules.version:
                entry = Applied(rules.version, rules.body, now)
                completed = not applied
                await store.append_rule_version(entry, now if completed else None)
                applied.append(entry)
                log.info("rules_applied", version=rules.version, rules=len(rules.rules))
        self._decider.rulebook.put_in_force(applied)
        self._completed = completed

    async def _resolve_removed(self, connection: Connection, store: AlertStore, now: datetime) -> int:
        rules = self._decider.rulebook.rules
        rows = await store.claim_alerts_of_removed_rules([rule.id for rule in rules.rules], LIMIT)
        decisions = [resolve_removed(row.alert, rules_version=rules.version, now=now) for row in rows]
        changes = [(d.alert, row.snapshot.correlationid) for d, row in zip(decisions, rows, strict=True)]
        await _owe(connection, await write_alerts(store, changes, {row.alert.alert_id: row for row in rows}, now))
        return len(rows)

    async def _decide_outdated(self, connection: Connection, store: AlertStore, topic: str, now: datetime) -> int:
        version = self._decider.rulebook.rules.version
        due = await store.claim_outdated_subjects(topic, self._after.get(topic), version, LIMIT)
        if due:
            await _owe(connection, await _decide_again(self._decider, store, topic=topic, due=due, now=now))
            self._after[topic] = due[-1].subject.customer_id
        return len(due)


async def _decide_again(
    decider: Decider, store: AlertStore, *, topic: str, due: list[DueSubject], now: datetime
) -> list[Publication]:
    """The alerts that changed, which are to be owed to the topic."""
    settled = await decider.settle(store, topic, [entry.subject for entry in due], now)
    await store.update_next(topic, settled.due, decider.rulebook.rules.version)
    return settled.changed


async def _owe(connection: Connection, changed: list[Publication]) -> None:
    await append_to_publish(connection, {entry.entity_id: entry.version for entry in changed})
