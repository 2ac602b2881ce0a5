"""`python -m tests.faults.cluster.run`: brokers killed, frozen and cut short under the five services, and counts.

Prints two tables, writes build/faults-cluster.json.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.faults.campaign import Row
from tests.faults.cluster.brokers import Cluster
from tests.faults.cluster.injections import EVERY, cluster_of
from tests.faults.cluster.truncation import UNSAFE, allow_truncation, truncate
from tests.faults.command import carry_out, chosen, parser, tabulate, write_report
from tests.faults.recovery_survey import HEADER, Survey, line
from tests.faults.rig import open_rig

TRUNCATIONS = {"log cut short while all is read": True, "log cut short under load": False}


def told(_: str) -> Mapping[str, str]:
    """As in production."""
    return {"KAFKA_REPLICATION_FACTOR": "3"}


async def run_faults(options: argparse.Namespace, directory: Path) -> list[Row]:
    """Production's layout: every ledger must be exact."""
    faults = chosen(EVERY, options, lambda fault: fault.name)
    if not faults:
        return []
    async with open_rig(directory, seed=options.seed, rate=options.rate, told=told, stack=Cluster(directory)) as rig:
        return await tabulate(rig, faults, seed=options.seed, seconds=options.seconds)


async def run_truncations(options: argparse.Namespace, directory: Path) -> list[Survey]:
    """Safety given up on purpose: what is gone is told, and nothing of the rest is skipped or counted twice."""
    names = chosen(TRUNCATIONS, options, str)
    if not names:
        return []
    found = []
    stack = Cluster(directory, apart=True, settings=UNSAFE)
    print(HEADER, flush=True)
    async with open_rig(directory, seed=options.seed, rate=options.rate, told=told, stack=stack) as rig:
        await allow_truncation(cluster_of(rig))
        for name in names:
            found.append(await truncate(rig, name, seconds=options.seconds, calm=TRUNCATIONS[name]))
            print(line(found[-1]), flush=True)
    return found


async def run(options: argparse.Namespace, directory: Path) -> bool:
    """Whether everything held."""
    rows = await run_faults(options, directory / "faults")
    surveys = await run_truncations(options, directory / "truncation")
    passed = all(row.passed for row in rows) and all(one.passed for one in surveys)
    found = {"faults": [asdict(row) for row in rows], "truncations": [asdict(one) for one in surveys]}
    write_report("faults-cluster.json", {"seed": options.seed, "rate": options.rate, "passed": passed, **found})
    return passed


def main() -> int:
    """0 when everything held."""
    options = parser(__doc__)
    options.set_defaults(seconds=8.0, rate=200.0)
    return carry_out(options.parse_args(), run)


if __name__ == "__main__":
    sys.exit(main())
