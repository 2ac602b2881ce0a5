"""Band changes by time alone: woken at their stored instants, never looked for."""

from collections import Counter
from datetime import datetime

from services.scoring.handlers import ScoreRow, StoreFactory, row_of, score_at
from services.scoring.metrics import ScoringMetrics
from shared.clock import Clock
from shared.ids import next_version
from shared.pipeline import append_to_publish
from shared.pipeline.timers import Step
from shared.postgres import Database

CLAIM_LIMIT = 1_000


def transitions(database: Database, store: StoreFactory, metrics: ScoringMetrics, *, clock: Clock) -> Step:
    """A step that evaluates up to 1,000 customers whose band is due to change and owes their snapshots to the topic.

    To be called with instants of the settled clock; `clock` tells how late that is. Safe beside other processes: each
    takes rows that nobody else has locked.
    """

    async def step(now: datetime) -> int:
        async with database.transaction() as connection:
            unit = store(connection)
            due = await unit.claim_due(now, CLAIM_LIMIT)
            if not due:
                return 0
            micros = await unit.get_database_micros()
            rows: list[ScoreRow] = []
            lateness: list[float] = []
            for kept in due:
                if kept.next_transition_at is not None:
                    lateness.append((clock.now() - kept.next_transition_at).total_seconds())
                version = next_version(kept.version, micros)
                score = score_at(kept, now)
                rows.append(row_of(score, now, version=version, basis=kept.basis, correlation_id=kept.correlation_id))
            await unit.update_scores(rows)
            await append_to_publish(connection, {row.customer_id: row.version for row in rows})
        for seconds in lateness:
            metrics.transition_lateness.observe(seconds)
        metrics.count_changes(Counter(row.churn_band for row in rows if row.churn_band), cause="time")
        return len(rows)

    return step
