"""Lifecycle changes that happen because time passes."""

from datetime import datetime

from services.profiles.handlers import ProfileHandlers
from shared.pipeline.timers import Step
from shared.postgres import Database

# Small transactions: a batch of interactions must not wait long for the rows.
CUSTOMERS_PER_STEP = 500


def lifecycle_step(database: Database, handlers: ProfileHandlers) -> Step:
    async def step(now: datetime) -> int:
        async with database.transaction() as connection:
            return await handlers.on_due(connection, now, CUSTOMERS_PER_STEP)

    return step
