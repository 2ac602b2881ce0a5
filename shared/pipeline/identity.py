"""Looks whether a log still has what was read of it, while it is read.

On assignment the record before `progress` tells. But a log can be cut under a reader (an unclean election) and grow
past the reader's offset before it fetches next: nothing fails then, and what is new below that offset would be skipped.
"""

import structlog

from shared.clock import pause
from shared.kafka.connection import KafkaConnection
from shared.kafka.lookup import find_records
from shared.pipeline.assignment import Assignment
from shared.pipeline.records import fingerprint
from shared.postgres import is_transient

log = structlog.get_logger(__name__)

# Shorter than it takes brokers to elect another leader: then the record read last before that is one that is compared.
LOOK_SECONDS = 3.0


class LogWatch:
    """One small read per partition and look."""

    def __init__(self, connection: KafkaConnection, topic: str, assignment: Assignment) -> None:
        self._connection = connection
        self._topic = topic
        self._assignment = assignment

    async def run(self) -> None:
        """For ever."""
        while True:
            await pause(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.info("log_watch_waits", topic=self._topic, error=repr(error))

    async def look(self) -> None:
        """Compare the log with what had been read of it at the look before. Raises TransientError."""
        epoch, witnesses = self._assignment.epoch, self._assignment.ask_witnesses()
        offsets = {number: offset for number, (offset, _) in witnesses.items()}
        for number, (record, begin) in (await find_records(self._connection, self._topic, offsets)).items():
            if record is None or fingerprint(record) != witnesses[number][1]:
                self._assignment.begin_again(number, begin, epoch=epoch)
