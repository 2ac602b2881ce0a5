"""Gauges that nobody sets in passing."""

from collections.abc import Sequence

from shared.clock import pause, real_now
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.pipeline import Pipeline
from shared.pipeline.settling import Settling
from shared.pipeline.store import PipelineStore
from shared.pipeline.subscription import Subscription
from shared.postgres import Database, is_transient

SAMPLE_SECONDS = 1.0


async def sample(
    pipelines: Sequence[tuple[Subscription, Pipeline]],
    *,
    settling: Settling,
    database: Database,
    metrics: PipelineMetrics,
) -> None:
    """For ever, about once a second. While the database is away its gauges keep their last values."""
    while True:
        for subscription, pipeline in pipelines:
            topic = subscription.topic.name
            oldest = pipeline.in_hand.oldest_at
            metrics.oldest_age.labels(topic=topic).set(max(real_now().timestamp() - oldest, 0) if oldest else 0)
            metrics.in_flight.labels(topic=topic).set(pipeline.in_hand.records)
            for partition, behind in (await pipeline.lag()).items():
                metrics.lag.labels(topic=topic, partition=str(partition)).set(behind)
        for topic, seconds in settling.unsettled().items():
            metrics.unsettled.labels(topic=topic).set(seconds)
        try:
            async with database.connection() as connection:
                store = PipelineStore(connection)
                metrics.owed.set(await store.count_to_publish())
                metrics.dead_letters.set(await store.count_dead_letters())
        except Exception as error:
            if not is_transient(error):
                raise
        await pause(SAMPLE_SECONDS)
