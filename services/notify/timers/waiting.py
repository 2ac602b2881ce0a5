"""Plans alerts that arrived before the profile they were decided on."""

from datetime import datetime

from services.notify.handlers import Planning
from shared.pipeline import append_to_publish
from shared.postgres import Database

LIMIT = 500


class WaitingAlerts:
    """One transaction per step; two at once share the work."""

    def __init__(self, database: Database, planning: Planning) -> None:
        self._database = database
        self._planning = planning

    async def step(self, now: datetime) -> int:
        """Plan what need not wait any longer; returns how many alerts that were. Waiting is real time, not `now`."""
        async with self._database.transaction() as connection:
            count, versions = await self._planning.plan_waiting(connection, LIMIT)
            await append_to_publish(connection, versions)
        return count
