"""`python -m tests.faults.recovery`: what operators restore and recreate, under the load of the fault campaign.

Databases come back from an older backup: the ledger must be exact. Topics are recreated, and Kafka's disk goes back to
an older copy: records are gone, and what is left is surveyed. Prints two tables, writes build/faults-recovery.json.
"""

import argparse
import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from shared.clock import pause
from tests.faults.campaign import HEADER, Row, line, run_campaign
from tests.faults.recovery_acts import disk_goes_back, recreate, restore_database
from tests.faults.recovery_survey import HEADER as SURVEY_HEADER
from tests.faults.recovery_survey import Survey, survey
from tests.faults.recovery_survey import line as survey_line
from tests.faults.rig import Rig, open_rig
from tests.support.stack import ROOT

REPORT = ROOT / "build" / "faults-recovery.json"
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
    surveys: list[Survey] = []
    faults = tuple(one for one in RESTORES if options.only in one.name)
    if faults:
        print(HEADER, flush=True)
        async with open_rig(directory / "restores", seed=options.seed, rate=options.rate) as rig:
            rows = await run_campaign(
                rig, faults, seed=options.seed, seconds=options.seconds, told=lambda row: print(line(row), flush=True)
            )
            print(f"mails delivered more than once: {mails_twice(rig.directory / 'mailbox')}")
    losses = [name for name in LOSSES if options.only in name]
    if losses:
        print(SURVEY_HEADER, flush=True)
    for number, name in enumerate(losses):
        async with open_rig(directory / str(number), seed=options.seed, rate=options.rate) as rig:
            surveys.append(await lose(rig, name, seconds=options.seconds))
            print(survey_line(surveys[-1]), flush=True)
    passed = all(row.passed for row in rows) and all(one.passed for one in surveys)
    found = {"restores": [asdict(one) for one in rows], "losses": [asdict(one) for one in surveys]}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    report = {"seed": options.seed, "rate": options.rate, "passed": passed, **found}
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"seed {options.seed}, written to {REPORT.relative_to(ROOT)}")
    return passed


def mails_twice(mailbox: Path) -> int:
    """How many messages have a Message-ID that came before."""
    ids = Counter(
        next(one for one in path.read_text(errors="replace").splitlines() if one.lower().startswith("message-id:"))
        for path in mailbox.glob("*.eml")
    )
    return sum(count - 1 for count in ids.values())


def main() -> int:
    """0 when everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--seconds", type=float, default=8.0, help="load around each fault")
    parser.add_argument("--rate", type=float, default=200.0, help="interactions a second")
    parser.add_argument("--only", default="", help="only what holds this in its name")
    parser.add_argument("--keep", action="store_true", help="leave the data directories and their logs")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a line for each attempt to reach a broker that is away
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-recovery-"))
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
