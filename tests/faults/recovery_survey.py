"""When a log has lost records nobody can ask for an exact ledger; this says what is gone, and holds the rest to it.

Of what was accepted: what the log no longer has (`gone`), what of that the store still has (`kept`) and what nobody has
any more (`forfeit`: it was acknowledged and lost before it was read). What the log has must be in the store (`skipped`
is 0), and the store must count each once (`twice`, and the other differences of the ledger, are 0). What each service
publishes must be on its topics again by the time it has looked at them (`behind` is 0).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.clock import pause, real_now
from shared.kafka.topics import INTERACTIONS
from shared.pipeline.recall import KEEP_SECONDS
from tests.faults.expected import Identity, expect, identity_of
from tests.faults.ledger import Difference, compare, count
from tests.faults.observed import TOPICS, observe
from tests.faults.rig import Rig, names
from tests.faults.truth import read_truth

# What a service says when a log is not the one it read.
ALARMS = ("log_ends_before_progress", "log_was_replaced", "log_went_back")


@dataclass(slots=True)
class Survey:
    """What came of a lost log. `behind`: entities whose last record on a topic is not what the store holds."""

    fault: str
    accepted: int
    gone: int
    kept: int
    forfeit: int
    skipped: int
    missing: int
    extra: int
    twice: int
    behind: int
    alarms: int
    unrest: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Nothing is skipped, counted twice or left off a topic, everybody came to rest, and somebody was told."""
        wrong = self.skipped or self.missing or self.extra or self.twice or self.behind or self.unrest
        return not wrong and (self.alarms > 0 or not self.gone)


async def survey(rig: Rig, fault: str, *, patience: float) -> Survey:
    """Look at everything once it is at rest, and every writer has looked at its own topic since it lost records."""
    await pause(KEEP_SECONDS)
    look = await rig.rest(patience=patience)
    bootstrap = rig.system.stack.kafka_bootstrap
    observed = await observe(rig.dsns, bootstrap, mailbox=rig.directory / "mailbox", urls=rig.services)
    log = await read_identities(bootstrap)
    accepted = {identity_of(event) for event in read_truth(rig.truth.path)}
    stored = observed.identities
    known = [event for event in read_truth(rig.truth.path) if identity_of(event) in stored]
    differences = compare(expect(known, real_now()), observed)
    counted = count([one for one in differences if not _behind(one)])
    return Survey(
        fault=fault,
        accepted=rig.truth.lines,
        gone=len(accepted - log),
        kept=len((accepted - log) & stored),
        forfeit=len(accepted - log - stored),
        skipped=len(log - stored),
        missing=counted["missing"],
        extra=counted["extra"],
        twice=counted["twice"],
        behind=sum(map(_behind, differences)),
        alarms=count_alarms(rig.directory / "logs"),
        unrest=dict(look.busy),
        differences=names(differences),
    )


def _behind(one: Difference) -> bool:
    """It is a topic that lacks something, not a store."""
    return one.where in TOPICS.values() or one.where.endswith(f" in {TOPICS['profiles']}")


async def read_identities(bootstrap: str) -> frozenset[Identity]:
    """Of every interaction that is on the log now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, fetch_max_bytes=16_000_000
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(INTERACTIONS.name, number) for number in range(INTERACTIONS.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: set[Identity] = set()
        while any([await consumer.position(one) < end for one, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found.update(identity_of(msgspec.json.decode(record.value)) for record in records)
        return frozenset(found)
    finally:
        await consumer.stop()


def count_alarms(logs: Path) -> int:
    """How often services said that a log is not the one they read."""
    wanted = {f'"event":"{alarm}"' for alarm in ALARMS} | {f'"event": "{alarm}"' for alarm in ALARMS}
    return sum(
        any(one in line for one in wanted)
        for path in logs.glob("*.log")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    )


COLUMNS = ("accepted", "gone", "kept", "forfeit", "skipped", "missing", "extra", "twice", "behind", "alarms")
HEADER = f"{'log lost':<52}" + "".join(f" {name:>8}" for name in COLUMNS)


def line(found: Survey) -> str:
    """One line of the table, with what is wrong under it."""
    values: dict[str, Any] = asdict(found)
    text = f"{found.fault:<52}" + "".join(f" {values[name]:>8}" for name in COLUMNS)
    more: Sequence[str] = [*found.differences, *(f"never at rest: {one}: {why}" for one, why in found.unrest.items())]
    return "\n".join([text, *(f"    {one}" for one in more)])
