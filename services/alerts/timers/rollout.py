"""Changed rules come into force."""

from datetime import datetime

import structlog

from services.alerts.domain import standstill
from services.alerts.domain.decide import resolve_removed
from services.alerts.domain.rulings import Applied
from services.alerts.handlers import Decider, OpenStore
from services.alerts.handlers.deciding import write_alerts
from services.alerts.handlers.storage import AlertStore
from services.alerts.timers.deciding import LIMIT, decide_again, owe
from shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

TOPICS = ("profile", "score")


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
        in_force = [*(rule.id for rule in rules.rules), standstill.RULE_ID]
        rows = await store.claim_alerts_of_removed_rules(in_force, LIMIT)
        decisions = [resolve_removed(row.alert, rules_version=rules.version, now=now) for row in rows]
        changes = [(d.alert, row.snapshot.correlationid) for d, row in zip(decisions, rows, strict=True)]
        await owe(connection, await write_alerts(store, changes, {row.alert.alert_id: row for row in rows}, now))
        return len(rows)

    async def _decide_outdated(self, connection: Connection, store: AlertStore, topic: str, now: datetime) -> int:
        version = self._decider.rulebook.rules.version
        due = await store.claim_outdated_subjects(topic, self._after.get(topic), version, LIMIT)
        if due:
            await owe(connection, await decide_again(self._decider, store, topic=topic, due=due, now=now))
            self._after[topic] = due[-1].subject.customer_id
        return len(due)
