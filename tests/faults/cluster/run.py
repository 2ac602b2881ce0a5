"""`python -m tests.faults.cluster.run`: brokers killed, frozen and cut short under the five services, and counts.

Prints two tables, writes build/faults-cluster.json.
"""

import argparse
import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.faults.campaign import HEADER, Row, line, run_campaign
from tests.faults.cluster.brokers import Cluster
from tests.faults.cluster.injections import EVERY, cluster_of
from tests.faults.cluster.truncation import UNSAFE, allow_truncation, truncate
from tests.faults.recovery_survey import HEADER as SURVEY_HEADER
from tests.faults.recovery_survey import Survey
from tests.faults.recovery_survey import line as survey_line
from tests.faults.rig import open_rig
from tests.support.stack import ROOT

REPORT = ROOT / "build" / "faults-cluster.json"
TRUNCATIONS = {"log cut short while all is read": True, "log cut short under load": False}


def told(_: str) -> Mapping[str, str]:
    """As in production."""
    return {"KAFKA_REPLICATION_FACTOR": "3"}


async def run_faults(options: argparse.Namespace, directory: Path) -> list[Row]:
    """Production's layout: every ledger must be exact."""
    faults = tuple(fault for fault in EVERY if options.only in fault.name)
    if not faults:
        return []
    stack = Cluster(directory)
    print(HEADER, flush=True)
    async with open_rig(directory, seed=options.seed, rate=options.rate, told=told, stack=stack) as rig:
        return await run_campaign(
            rig, faults, seed=options.seed, seconds=options.seconds, told=lambda row: print(line(row), flush=True)
        )


async def run_truncations(options: argparse.Namespace, directory: Path) -> list[Survey]:
    """Safety given up on purpose: what is gone is told, and nothing of the rest is skipped or counted twice."""
    chosen = {name: calm for name, calm in TRUNCATIONS.items() if options.only in name}
    if not chosen:
        return []
    found = []
    stack = Cluster(directory, apart=True, settings=UNSAFE)
    print(SURVEY_HEADER, flush=True)
    async with open_rig(directory, seed=options.seed, rate=options.rate, told=told, stack=stack) as rig:
        await allow_truncation(cluster_of(rig))
        for name, calm in chosen.items():
            found.append(await truncate(rig, name, seconds=options.seconds, calm=calm))
            print(survey_line(found[-1]), flush=True)
    return found


async def run(options: argparse.Namespace, directory: Path) -> bool:
    """Whether everything held."""
    rows = await run_faults(options, directory / "faults")
    surveys = await run_truncations(options, directory / "truncation")
    report = {
        "seed": options.seed,
        "rate": options.rate,
        "passed": all(row.passed for row in rows) and all(one.passed for one in surveys),
        "faults": [asdict(row) for row in rows],
        "truncations": [asdict(one) for one in surveys],
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"seed {options.seed}, written to {REPORT.relative_to(ROOT)}")
    return bool(report["passed"])


def main() -> int:
    """0 when everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seconds", type=float, default=8.0, help="load around each fault")
    parser.add_argument("--rate", type=float, default=200.0, help="interactions a second")
    parser.add_argument("--only", default="", help="only faults whose name holds this")
    parser.add_argument("--keep", action="store_true", help="leave the data directory and its logs")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a line for each attempt to reach a broker that is away
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-cluster-"))
    try:
        passed = asyncio.run(run(options, directory))
    finally:
        if options.keep:
            print(f"data and logs are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
