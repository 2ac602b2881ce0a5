"""Looks whether a log still has what was read of it, when its leader has changed under a reader.

On assignment the record before `progress` tells. But a log can be cut under a reader (an unclean election) and grow
past the reader's offset before it fetches next: nothing fails then, and what is new below that offset would be skipped.
"""

import structlog

from shared.clock import pause
from shared.kafka.connection import KafkaConnection
from shared.kafka.lookup import find_records
from shared.pipeline.assignment import Assignment, Witness
from shared.pipeline.records import fingerprint
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

# Between two looks, for the new leader may not be ready.
LOOK_SECONDS = 1.0
# What is not found so often was compacted away, or removed by retention: there is nothing to compare.
MOST_LOOKS = 10


class LogWatch:
    """One small read for each record in doubt."""

    def __init__(self, connection: KafkaConnection, topic: str, assignment: Assignment) -> None:
        self._connection = connection
        self._topic = topic
        self._assignment = assignment
        self._looks: dict[tuple[int, Witness], int] = {}

    async def run(self) -> None:
        """For ever; costs nothing while no leader changes."""
        while True:
            await self._assignment.doubted.wait()
            try:
                await self.look()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.info("log_watch_waits", topic=self._topic, error=repr(error))
            await pause(LOOK_SECONDS)

    async def look(self) -> None:
        """Compare the log with the oldest record in doubt of each partition. Raises TransientError."""
        epoch, doubts = self._assignment.epoch, self._assignment.doubts()
        offsets = {number: offset for number, (offset, _) in doubts.items()}
        found = await find_records(self._connection, self._topic, offsets)
        self._looks = {doubt: self._looks.get(doubt, 0) + 1 for doubt in doubts.items()}
        for (number, witness), looks in self._looks.items():
            if number in found:
                record, begin = found[number]
                if record is None or fingerprint(record) != witness[1]:
                    self._assignment.begin_again(number, begin, epoch=epoch)
            if number in found or looks == MOST_LOOKS:
                self._assignment.believe(number, witness)
