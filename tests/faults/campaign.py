"""One fault after another under load; after each, everything accepted so far is counted against everything there is."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.clock import pause
from tests.faults.injections import BrokenError, Fault
from tests.faults.ledger import count
from tests.faults.rig import Rig, names

RECOVERY_SECONDS = 30.0
# How long to look before a fault is called not recovered; the ledger is read in any case.
PATIENCE_SECONDS = 90.0
# How long what was accepted may be under way: on a busy machine that says nothing about us.
REST_SECONDS = 300.0


@dataclass(slots=True)
class Row:
    """What came of one fault. `recovery`: until new interactions went through every service again.

    `backwards`: what the live reader saw; `broken`: what did not hold while the fault lasted; `figures`: what it tells.
    """

    fault: str
    at: float
    recovery: float
    accepted: int
    missing: int
    extra: int
    twice: int
    stale: int
    backwards: int
    broken: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    unrest: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; that it took long is not counted."""
        counts = (self.missing, self.extra, self.twice, self.stale, self.backwards)
        return not (any(counts) or self.broken or self.unrest)

    @property
    def slow(self) -> bool:
        """Recovery took longer than it may."""
        return self.recovery > RECOVERY_SECONDS


async def run_campaign(
    rig: Rig, faults: Sequence[Fault], *, seed: int, seconds: float, told: Callable[[Row], None]
) -> list[Row]:
    """A row for each fault, and one about what a subscriber was told of all of it.

    The load runs for `seconds` around each, and at least until the fault is recovered from.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    rows = []
    async with rig.reader:
        async with rig.load:
            await rig.load.send(list(rig.crowd.introductions()))
        for fault in faults:
            row = await _suffer(rig, fault, before=chance.uniform(0.2, 0.6) * seconds, seconds=seconds)
            row.at = round(row.at - began, 1)
            rows.append(row)
            told(row)
    rows.append(await _hear_out(rig, at=round(time.monotonic() - began, 1)))
    told(rows[-1])
    return rows


async def _hear_out(rig: Rig, *, at: float) -> Row:
    """What is still to be delivered is waited for, and counted against what happened."""
    waited = await rig.subscriber.wait_told(rig.dsns["notify"])
    differences = rig.subscriber.differences(rig.observed.data("alerts"))
    return Row(
        fault="webhooks, by the end of all this",
        at=at,
        recovery=0.0,
        accepted=rig.truth.lines,
        **count(differences),
        broken="",
        unrest={},
        figures={"requests": rig.subscriber.requests, "waited s": round(waited, 1)},
        differences=names(differences),
    )


async def _suffer(rig: Rig, fault: Fault, *, before: float, seconds: float) -> Row:
    """The load begins, the fault strikes after `before` seconds, it is recovered from, all comes to rest, we count."""
    broken, figures = "", None
    async with rig.load:
        await pause(before)
        at = time.monotonic()
        try:
            figures = await fault.strike(rig)
        except BrokenError as error:
            broken = str(error)
        over = time.monotonic()
        canaries = await rig.canaries()
        recovery = await rig.wait_seen(canaries, since=over, patience=PATIENCE_SECONDS)
        await pause(max(0.0, seconds - before - recovery))
    look = await rig.rest(patience=REST_SECONDS)
    differences = [*await rig.differences(), *await rig.reader.findings()]
    return Row(
        fault=fault.name,
        at=at,
        recovery=round(recovery, 1),
        accepted=rig.truth.lines,
        **count(differences),
        broken=broken,
        figures=dict(figures or {}),
        unrest=dict(look.busy),
        differences=names(differences),
    )


_COUNTED = (("missing", 8), ("extra", 6), ("twice", 6), ("stale", 6), ("backwards", 10))
HEADER = f"{'fault':<48} {'at s':>6} {'recovery s':>10} {'accepted':>9}" + "".join(
    f" {kind:>{width}}" for kind, width in _COUNTED
)


def line(row: Row) -> str:
    """One line of the table, with its figures and what is wrong under it."""
    text = f"{row.fault:<48} {row.at:>6.1f} {row.recovery:>10.1f} {row.accepted:>9}"
    text += "".join(f" {getattr(row, kind):>{width}}" for kind, width in _COUNTED) + (" slow" if row.slow else "")
    figures = ", ".join(f"{name} {value:g}" for name, value in row.figures.items())
    broken = f"did not hold: {row.broken}" if row.broken else ""
    unrest = [f"never at rest: {name}: {why}" for name, why in row.unrest.items()]
    return "\n".join([text, *(f"    {one}" for one in (figures, broken, *row.differences, *unrest) if one)])
