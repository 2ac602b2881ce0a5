"""`python -m tests.faults.mutations_ledger`: the whole system with a defect, under load: the ledger must find it."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shared.clock import pause
from tests.faults.campaign import Row, line, run_campaign
from tests.faults.injections import Fault
from tests.faults.mutations_table import FOUND, KINDS, Found, remember
from tests.faults.points import folder, kill_at, told
from tests.faults.rig import Rig, open_rig

SEED = 7
RATE = 200.0
SECONDS = 8.0


async def _nothing(_: Rig) -> None:
    """The load is enough."""
    await pause(0)


async def _killed_with_mails_on_their_way(rig: Rig) -> None:
    """Often enough that one of them is to a customer."""
    for _ in range(6):
        await kill_at("notify", "notify.taken_by_server").strike(rig)


LOAD = Fault("load alone", _nothing)
# By mutation, what brings it to light. Others show only where two things happen in one of many orders: for those there
# are tests that bring about that order.
PROOFS: Mapping[str, Fault] = {
    "merges-ignored": LOAD,
    "offsets-before-acknowledgement": kill_at("profiles", "publish.before_send", after=2.0),
    "repeated-to-customers": Fault("kill notify at notify.taken_by_server, six times", _killed_with_mails_on_their_way),
}


async def prove(mutation: str, directory: Path) -> tuple[Row, bool]:
    """What the ledger found of a system with this defect, and whether its code was executed."""
    async with open_rig(directory, seed=SEED, rate=RATE, told=told(directory, mutation)) as rig:
        row, _ = await run_campaign(
            rig, [PROOFS[mutation]], seed=SEED, seconds=SECONDS, told=lambda row: print(line(row), flush=True)
        )
    return row, (folder(directory) / "reached").exists()


def found_by(row: Row) -> Found:
    """For the page."""
    counts = {kind: int(getattr(row, kind)) for kind in KINDS}
    return {"fault": row.fault, "counts": counts, "first": row.differences[0] if row.differences else ""}


def main() -> int:
    """0 when the ledger was red each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="only mutations whose name holds this")
    options = parser.parse_args()
    well = True
    for mutation in PROOFS:
        if options.only and not any(name in mutation for name in options.only):
            continue
        print(mutation, flush=True)
        directory = Path(tempfile.mkdtemp(prefix="ebbtide-ledger-"))
        try:
            row, reached = asyncio.run(prove(mutation, directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        found = found_by(row)
        if reached and any(found["counts"].values()):
            remember(FOUND, mutation, found)
        else:
            remember(FOUND, mutation, None)
            well = False
            print(f"{mutation} was {'not found' if reached else 'never executed'}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
