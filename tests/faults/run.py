"""`python -m tests.faults.run`: breaks things under load and counts. Prints one table, writes build/faults.json."""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faults.campaign import HEADER, RECOVERY_SECONDS, Row, line, run_campaign, write_report
from tests.faults.injections import Fault
from tests.faults.rig import open_rig
from tests.faults.tiers import TIERS
from tests.support.stack import ROOT

REPORT = ROOT / "build" / "faults.json"


async def run_round(options: argparse.Namespace, faults: list[Fault], *, seed: int) -> tuple[list[Row], dict[str, Any]]:
    """The rows of one table, printed as they come, and what else is to be told; on a new system."""
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-faults-"))
    random.Random(seed).shuffle(faults)
    print(f"tier {options.tier}, seed {seed}, {len(faults)} faults", flush=True)
    try:
        async with open_rig(directory, seed=seed, rate=options.rate) as rig:
            print(HEADER, flush=True)
            rows = await run_campaign(
                rig, faults, seed=seed, seconds=options.seconds, told=lambda row: print(line(row), flush=True)
            )
            answers = rig.load.answers
            return rows, {
                "seed": seed,
                "accepted": rig.truth.lines,
                "answers": {str(status): number for status, number in sorted(answers.statuses.items())},
                "answers_503_without_retry_after": answers.without_retry_after,
                "live_answers": rig.reader.answers,
                "live_records": rig.reader.records,
            }
    finally:
        if options.keep:
            print(f"data and logs are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


async def run(options: argparse.Namespace) -> bool:
    """Whether everything held, in every round."""
    tier = TIERS[options.tier]
    faults = [fault for fault in tier.faults if any(text in fault.name for text in options.only or [""])]
    if not faults:
        raise SystemExit(f"No fault of {options.tier} has {' or '.join(options.only)} in its name.")
    began, seed, held = time.monotonic(), options.seed, True
    rows: list[Row] = []
    rounds: list[dict[str, Any]] = []
    while not rounds or (tier.rounds and time.monotonic() - began < options.hours * 3_600):
        found, facts = await run_round(options, list(faults), seed=seed)
        rows, rounds, seed = rows + found, [*rounds, facts], seed + 1
        held = held and all(row.passed and not (tier.strict and row.slow) for row in found)
        held = held and not facts["answers_503_without_retry_after"]
    facts = {"tier": options.tier, "rate": options.rate, "held": held, "rounds": rounds}
    write_report(REPORT, rows, facts)
    print(_summary(rows, rounds, minutes=(time.monotonic() - began) / 60))
    return held


def _summary(rows: list[Row], rounds: list[dict[str, Any]], *, minutes: float) -> str:
    exact = sum(row.passed for row in rows)
    slowest = max(rows, key=lambda row: row.recovery)
    late = sum(row.slow for row in rows)
    return "\n".join(
        [
            f"{exact} of {len(rows)} faults without a difference, in {minutes:.1f} min; slowest recovery "
            f"{slowest.recovery:g} s ({slowest.fault}), {late} over {RECOVERY_SECONDS:g} s",
            *(
                f"seed {one['seed']}: {one['accepted']} accepted, answers {one['answers']}; looked at "
                f"{one['live_answers']} answers and {one['live_records']} records meanwhile"
                for one in rounds
            ),
            f"written to {REPORT.relative_to(ROOT)}",
        ]
    )


def main() -> int:
    """0 when every ledger is exact, and (but for quick) every recovery was quick enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=list(TIERS), default="full", help="which faults")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seconds", type=float, help="load around each fault, instead of the tier's")
    parser.add_argument("--rate", type=float, help="interactions a second, instead of the tier's")
    parser.add_argument("--only", action="append", help="only faults whose name holds this; may be repeated")
    parser.add_argument("--hours", type=float, default=8.0, help="for how long soak begins another round")
    parser.add_argument("--keep", action="store_true", help="leave the data directories and their logs")
    options = parser.parse_args()
    # Brokers go away, and whoever only looks need not say so.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    options.rate = options.rate or TIERS[options.tier].rate
    options.seconds = options.seconds or TIERS[options.tier].seconds
    return 0 if asyncio.run(run(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
