"""What a whole system has stored: bytes of its tables, and of its topics where the broker's files can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.bench.flow import SQL
from tests.bench.installation import Installation

_OURS = ("interactions.v1", "profiles.v1", "scores.v1", "alerts.v1", "notifications.v1")

# Others are as good as empty.
_WORTH_TELLING = 1_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes by table (service.name) and by topic, before any compaction or vacuum that has not come about by itself."""

    tables: Mapping[str, int]
    topics: Mapping[str, int]


async def measure_storage(system: Installation) -> Stored:
    """As it is now; without topics when the broker runs elsewhere."""
    tables: dict[str, int] = {}
    for service, dsn in system.dsns.items():
        connection = await asyncpg.connect(dsn)
        try:
            rows = await connection.fetch(SQL.list_table_sizes)
        finally:
            await connection.close()
        tables |= {f"{service}.{name}": size for name, size in rows if size > _WORTH_TELLING}
    logs = Path(system.arena.kafka().cwd()) / "log"
    topics = {
        topic: sum(file.stat().st_size for file in logs.glob(f"{system.prefix}{topic}-*/*.log")) for topic in _OURS
    }
    return Stored(tables, {topic: size for topic, size in topics.items() if size})
