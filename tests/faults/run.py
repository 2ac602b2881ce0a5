"""`python -m tests.faults.run`: kills processes under load and counts. Prints one table, writes build/faults.json."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import HEADER, Row, line, run_campaign, write_report
from tests.faults.injections import EVERY, QUICK
from tests.faults.rig import open_rig
from tests.support.stack import ROOT

REPORT = ROOT / "build" / "faults.json"


async def run(options: argparse.Namespace, directory: Path) -> list[Row]:
    """The rows of the table, printed as they come."""
    faults = QUICK if options.quick else EVERY
    if options.only:
        faults = tuple(fault for fault in EVERY if options.only in fault.name)

    def told(row: Row) -> None:
        print(line(row), flush=True)

    async with open_rig(directory, seed=options.seed, rate=options.rate) as rig:
        print(HEADER, flush=True)
        rows = await run_campaign(rig, faults, seed=options.seed, seconds=options.seconds, told=told)
        facts = {
            "seed": options.seed,
            "rate": options.rate,
            "accepted": rig.truth.lines,
            "answers": {str(status): number for status, number in sorted(rig.load.answers.statuses.items())},
            "answers_503_without_retry_after": rig.load.answers.without_retry_after,
        }
    write_report(REPORT, rows, facts)
    print(f"seed {options.seed}, answers {facts['answers']}, written to {REPORT.relative_to(ROOT)}")
    return rows


def main() -> int:
    """0 when every ledger is exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seconds", type=float, default=8.0, help="load around each fault")
    parser.add_argument("--rate", type=float, default=300.0, help="interactions a second")
    parser.add_argument("--quick", action="store_true", help="only the faults of the test suite")
    parser.add_argument("--only", default="", help="only faults whose name holds this")
    parser.add_argument("--keep", action="store_true", help="leave the data directory and its logs")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-faults-"))
    try:
        rows = asyncio.run(run(options, directory))
    finally:
        if options.keep:
            print(f"data and logs are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
