"""`python -m tests.faults.recovery`: what operators restore and recreate, under the load of the fault campaign.

Databases come back from an older backup: the ledger must be exact. Topics are recreated, and Kafka's disk goes back to
an older copy: records are gone, and what is left is surveyed. Prints two tables, writes build/faults-recovery.json.
"""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from shared.clock import pause
from tests.faults.campaign import Row
from tests.faults.command import carry_out, chosen, parser, tabulate, write_report
from tests.faults.ledger import count_mails
from tests.faults.recovery_acts import disk_goes_back, recreate, restore_database
from tests.faults.recovery_survey import HEADER, Survey, line, survey
from tests.faults.rig import Rig, open_rig

RESTORES = tuple(restore_database(service) for service in ("ingest", "profiles", "scoring", "alerts", "notify"))
LOSSES: Mapping[str, Callable[[Rig], Awaitable[None]]] = {
    "interactions.v1 recreated": lambda rig: recreate(rig, "interactions.v1"),
    "interactions.v1 recreated, profiles frozen meanwhile": lambda rig: recreate(
        rig, "interactions.v1", frozen="profiles"
    ),
    "profiles.v1 and scores.v1 recreated": lambda rig: recreate(rig, "profiles.v1", "scores.v1"),
    "Kafka's disk goes back to an older copy": disk_goes_back,
}
_PATIENCE_SECONDS = 90.0


async def lose(rig: Rig, name: str, *, seconds: float) -> Survey:
    """Strike under load, and survey what is left."""
    async with rig.load:
        await pause(seconds)
        await LOSSES[name](rig)
        await pause(seconds)
        canaries = await rig.canaries()
        await rig.wait_seen(canaries, since=time.monotonic(), patience=_PATIENCE_SECONDS)
    return await survey(rig, name, patience=_PATIENCE_SECONDS)


async def run(options: argparse.Namespace, directory: Path) -> bool:
    """Whether everything held."""
    rows: list[Row] = []
    mails: dict[str, int] = {}
    surveys: list[Survey] = []
    if faults := chosen(RESTORES, options, lambda fault: fault.name):
        async with open_rig(directory / "restores", seed=options.seed, rate=options.rate) as rig:
            rows = await tabulate(rig, faults, seed=options.seed, seconds=options.seconds)
            mails = count_mails(rig.observed)
            print(f"mails {mails}")
    losses = chosen(LOSSES, options, str)
    if losses:
        print(HEADER, flush=True)
    for number, name in enumerate(losses):
        async with open_rig(directory / str(number), seed=options.seed, rate=options.rate) as rig:
            surveys.append(await lose(rig, name, seconds=options.seconds))
            print(line(surveys[-1]), flush=True)
    passed = all(row.passed for row in rows) and all(one.passed for one in surveys)
    found = {"restores": [asdict(one) for one in rows], "losses": [asdict(one) for one in surveys], "mails": mails}
    write_report("faults-recovery.json", {"seed": options.seed, "rate": options.rate, "passed": passed, **found})
    return passed


def main() -> int:
    """0 when everything held."""
    options = parser(__doc__)
    options.set_defaults(seconds=8.0, rate=200.0)
    return carry_out(options.parse_args(), run)


if __name__ == "__main__":
    sys.exit(main())
