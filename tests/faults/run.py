"""`python -m tests.faults.run`: breaks things under load and counts. Prints one table, writes build/faults.json."""

import argparse
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.campaign import RECOVERY_SECONDS, Row
from tests.faults.command import carry_out, chosen, parser, tabulate, write_report
from tests.faults.injections import Fault
from tests.faults.ledger import count_mails
from tests.faults.rig import open_rig
from tests.faults.tiers import TIERS


async def run_round(
    options: argparse.Namespace, faults: list[Fault], *, seed: int, directory: Path
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of one table, and what else is to be told; on a new system."""
    random.Random(seed).shuffle(faults)
    print(f"tier {options.tier}, seed {seed}, {len(faults)} faults", flush=True)
    async with open_rig(directory, seed=seed, rate=options.rate) as rig:
        rows = await tabulate(rig, faults, seed=seed, seconds=options.seconds)
        answers = rig.load.answers
        return rows, {
            "seed": seed,
            "accepted": rig.truth.lines,
            "answers": {str(status): number for status, number in sorted(answers.statuses.items())},
            "answers_503_without_retry_after": answers.without_retry_after,
            "live_answers": rig.reader.answers,
            "live_records": rig.reader.records,
            "mails": count_mails(rig.observed),
        }


async def run(options: argparse.Namespace, directory: Path) -> bool:
    """Whether everything held, in every round."""
    tier = TIERS[options.tier]
    options.rate, options.seconds = options.rate or tier.rate, options.seconds or tier.seconds
    faults = chosen(tier.faults, options, lambda fault: fault.name)
    if not faults:
        raise SystemExit(f"No fault of {options.tier} has {' or '.join(options.only)} in its name.")
    began, seed, held = time.monotonic(), options.seed, True
    rows: list[Row] = []
    rounds: list[dict[str, Any]] = []
    while not rounds or (tier.rounds and time.monotonic() - began < options.hours * 3_600):
        found, facts = await run_round(options, list(faults), seed=seed, directory=directory / str(seed))
        rows, rounds, seed = rows + found, [*rounds, facts], seed + 1
        held = held and all(row.passed and not (tier.strict and row.slow) for row in found)
        held = held and not facts["answers_503_without_retry_after"]
    print(_summary(rows, rounds, minutes=(time.monotonic() - began) / 60))
    facts = {"tier": options.tier, "rate": options.rate, "passed": held, "rounds": rounds}
    write_report("faults.json", facts | {"faults": [asdict(row) for row in rows]})
    return held


def _summary(rows: list[Row], rounds: list[dict[str, Any]], *, minutes: float) -> str:
    exact = sum(row.passed for row in rows)
    slowest = max(rows, key=lambda row: row.recovery)
    late = sum(row.slow for row in rows)
    return "\n".join(
        [
            f"{exact} of {len(rows)} rows without a difference, in {minutes:.1f} min; slowest recovery "
            f"{slowest.recovery:g} s ({slowest.fault}), {late} over {RECOVERY_SECONDS:g} s",
            *(
                f"seed {one['seed']}: {one['accepted']} accepted, answers {one['answers']}; looked at "
                f"{one['live_answers']} answers and {one['live_records']} records meanwhile; mails {one['mails']}"
                for one in rounds
            ),
        ]
    )


def main() -> int:
    """0 when every ledger is exact, and (but for quick) every recovery was quick enough."""
    options = parser(__doc__)
    options.add_argument("--tier", choices=list(TIERS), default="full", help="which faults; brings rate and seconds")
    options.add_argument("--hours", type=float, default=8.0, help="for how long soak begins another round")
    return carry_out(options.parse_args(), run)


if __name__ == "__main__":
    sys.exit(main())
