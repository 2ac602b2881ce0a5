"""What the campaign commands have in common: their options, a directory of their own, and one report."""

import argparse
import asyncio
import json
import logging
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.faults.campaign import HEADER, Row, line, run_campaign
from tests.faults.injections import Fault
from tests.faults.rig import Rig
from tests.support.stack import ROOT

T = TypeVar("T")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Seed, rate, seconds, only and keep; what a command leaves open (rate, seconds) it gives as a default."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    made.add_argument("--seconds", type=float, help="load around each fault")
    made.add_argument("--rate", type=float, help="interactions a second")
    made.add_argument("--only", action="append", default=[], help="only what holds this in its name; may be repeated")
    made.add_argument("--keep", action="store_true", help="leave the data directories and their logs")
    return made


def chosen(things: Iterable[T], options: argparse.Namespace, name: Callable[[T], str]) -> list[T]:
    """Those that `--only` picks; all without it."""
    return [one for one in things if any(text in name(one) for text in options.only or [""])]


def carry_out(options: argparse.Namespace, run: Callable[[argparse.Namespace, Path], Awaitable[bool]]) -> int:
    """The exit status: 0 when everything held. `run` gets a directory that is gone afterwards, unless it is kept."""
    # Brokers go away, and whoever only looks need not say so at each attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    print(f"seed {options.seed}", flush=True)  # first of all, for it is wanted most when nothing else is printed
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-faults-"))

    async def held() -> bool:
        return await run(options, directory)

    try:
        return 0 if asyncio.run(held()) else 1
    finally:
        if options.keep:
            print(f"data and logs are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


async def tabulate(rig: Rig, faults: Sequence[Fault], *, seed: int, seconds: float) -> list[Row]:
    """The rows of a campaign, printed as they come."""
    print(HEADER, flush=True)
    return await run_campaign(rig, faults, seed=seed, seconds=seconds, told=lambda row: print(line(row), flush=True))


def write_report(name: str, facts: dict[str, Any]) -> None:
    """Everything as JSON, in build/. Ends the command when nothing was run, since nothing would hold by that."""
    if not any(isinstance(one, list) and one for one in facts.values()):
        raise SystemExit("Nothing has that in its name: see the tables of docs/faults.md.")
    path = ROOT / "build" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(ROOT)}")
