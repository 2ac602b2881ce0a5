"""One fault after another under load; after each, everything accepted so far is counted against everything there is."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.clock import pause
from tests.faults.injections import Fault
from tests.faults.ledger import count
from tests.faults.rig import Rig, names

RECOVERY_SECONDS = 30.0
# How long to look before a fault is called not recovered; the ledger is read in any case.
PATIENCE_SECONDS = 90.0


@dataclass(slots=True)
class Row:
    """What came of one fault. `recovery`: until new interactions went through every service again."""

    fault: str
    at: float
    recovery: float
    accepted: int
    missing: int
    extra: int
    twice: int
    stale: int
    unrest: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.missing or self.extra or self.twice or self.stale or self.unrest)


async def run_campaign(
    rig: Rig, faults: Sequence[Fault], *, seed: int, seconds: float, told: Callable[[Row], None]
) -> list[Row]:
    """A row for each fault. The load runs for `seconds` around each, and at least until the fault is recovered from."""
    chance = random.Random(seed)
    began = time.monotonic()
    rows = []
    async with rig.load:
        await rig.load.send(list(rig.crowd.introductions()))
    for fault in faults:
        async with rig.load:
            before = chance.uniform(0.2, 0.6) * seconds
            await pause(before)
            at = time.monotonic() - began
            await fault.strike(rig)
            over = time.monotonic()
            canaries = await rig.canaries()
            recovery = await rig.wait_seen(canaries, since=over, patience=PATIENCE_SECONDS)
            await pause(max(0.0, seconds - before - recovery))
        look = await rig.rest(patience=PATIENCE_SECONDS)
        differences = await rig.differences()
        row = Row(
            fault=fault.name,
            at=round(at, 1),
            recovery=round(recovery, 1),
            accepted=rig.truth.lines,
            **count(differences),
            unrest=dict(look.busy),
            differences=names(differences),
        )
        rows.append(row)
        told(row)
    return rows


HEADER = f"{'fault':<38} {'at s':>6} {'recovery s':>10} {'accepted':>9}" + "".join(
    f" {kind:>{width}}" for kind, width in (("missing", 8), ("extra", 6), ("twice", 6), ("stale", 6))
)


def line(row: Row) -> str:
    """One line of the table, with what is wrong under it."""
    slow = " slow" if row.recovery > RECOVERY_SECONDS else ""
    text = (
        f"{row.fault:<38} {row.at:>6.1f} {row.recovery:>10.1f} {row.accepted:>9} {row.missing:>8} {row.extra:>6}"
        f" {row.twice:>6} {row.stale:>6}{slow}"
    )
    more = [*row.differences, *(f"never at rest: {name}: {why}" for name, why in row.unrest.items())]
    return "\n".join([text, *(f"    {one}" for one in more)])


def write_report(path: Path, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    """Everything as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {**facts, "passed": all(row.passed for row in rows), "faults": [asdict(row) for row in rows]}
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
