"""`python -m tests.faults.points`: killed at exact points, a slow handler, one that never returns.

A process kills or holds itself where it is told to: open the rig with `told(directory)` for these faults. Prints the
table of the campaign, writes build/faults-points.json.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import psutil

from deploy.stack.embedded import EmbeddedStack
from shared.clock import pause
from tests.faults.command import carry_out, chosen, parser, tabulate, write_report
from tests.faults.hooks.acting import Order, arm, disarm, has_struck
from tests.faults.injections import BrokenError, Fault
from tests.faults.mutations_runs import hooked
from tests.faults.rig import Rig, open_rig

# How long somebody may take to come to the point; some are passed now and then only.
PATIENCE_SECONDS = 90.0
# Several times what a batch takes on a machine with other things to do, far less than a handler is held for.
WATCHDOG_SECONDS = 30.0
STUCK_SECONDS = 600.0
SLOW_SECONDS = 15.0
SLOW_BATCH_SECONDS = 0.2
# What a process may have more in memory after having been slow: a fifth, and some for what it had not loaded yet.
MORE_MEMORY, SPARE_BYTES = 1.2, 48 * 1024 * 1024


def told(directory: Path, mutation: str = "") -> Callable[[str], Mapping[str, str]]:
    """What each service of a rig in this directory is told, so that it has the points (and a defect, if named)."""

    def of_service(service: str) -> Mapping[str, str]:
        hooks = folder(directory)
        hooks.mkdir(parents=True, exist_ok=True)
        environment = hooked(hooks, service=service, mutation=mutation)
        return {**environment, "EBBTIDE_WATCHDOG_SECONDS": str(WATCHDOG_SECONDS)}

    return of_service


def folder(directory: Path) -> Path:
    """Where orders lie, of a rig in this directory."""
    return directory / "hooks"


def kill_at(
    service: str,
    point: str,
    *,
    nth: int = 1,
    after: float = 0.0,
    provoke: Callable[[Rig], Awaitable[object]] | None = None,
) -> Fault:
    """SIGKILL when the service passes the point for the nth time from now on, or so many seconds after that.

    `provoke` makes it go there.
    """

    async def strike(rig: Rig) -> None:
        arm(folder(rig.directory), service, point, Order(nth=nth, seconds=after))
        if provoke is not None:
            await provoke(rig)
        await _until(lambda: has_struck(folder(rig.directory), service, point), f"{service} at {point}")

    return Fault(f"kill {service} at {point}", strike)


def stuck(service: str) -> Fault:
    """The handler stands still for ten minutes; its watchdog ends the process."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        before = rig.pid(service)
        arm(folder(rig.directory), service, "handler.before", Order(act="wait", seconds=STUCK_SECONDS))
        await _until(lambda: has_struck(folder(rig.directory), service, "handler.before"), f"a batch of {service}")
        began = time.monotonic()
        await _until(lambda: rig.system.pids()[service] not in (None, before), f"the end of a stuck {service}")
        return {"ended after s": round(time.monotonic() - began, 1)}

    return Fault(f"{service} stuck, ended by its watchdog", strike)


def slow(service: str) -> Fault:
    """Every batch takes 200 ms more for a while: nothing piles up in memory, and ingest goes on accepting."""

    async def strike(rig: Rig) -> Mapping[str, float]:
        process, accepted = psutil.Process(rig.pid(service)), rig.truth.lines
        before = process.memory_info().rss
        order = Order(act="wait", seconds=SLOW_BATCH_SECONDS, once=False)
        arm(folder(rig.directory), service, "handler.before", order)
        try:
            await pause(SLOW_SECONDS)
        finally:
            disarm(folder(rig.directory), service, "handler.before")
        after = process.memory_info().rss
        if after > before * MORE_MEMORY + SPARE_BYTES:
            raise BrokenError(f"{service} grew from {before} to {after} bytes")
        if rig.truth.lines == accepted:
            raise BrokenError("ingest accepted nothing")
        return {
            "grown by MB": round((after - before) / 1024 / 1024, 1),
            "accepted meanwhile": rig.truth.lines - accepted,
        }

    return Fault(f"{service} slow by 200 ms a batch", strike)


async def _until(happened: Callable[[], bool], what: str) -> None:
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if happened():
            return
        await pause(0.1)
    raise BrokenError(f"{what}: not within {PATIENCE_SECONDS:g} s")


async def _kill_kafka(rig: Rig) -> None:
    """Its supervisor starts it again; until then ingest spools."""
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    await asyncio.to_thread(stack.kafka.kill)


KILLS = (
    kill_at("ingest", "ingest.before_produce"),
    kill_at("ingest", "ingest.after_produce", nth=3),
    kill_at("ingest", "spool.before_commit", provoke=_kill_kafka),
    kill_at("ingest", "spool.after_commit", provoke=_kill_kafka),
    kill_at("ingest", "spool.before_delete", provoke=_kill_kafka),
    kill_at("profiles", "store.before_commit"),
    kill_at("profiles", "store.after_commit", nth=2),
    kill_at("profiles", "publish.before_send"),
    kill_at("profiles", "publish.acknowledged", nth=3),
    kill_at("profiles", "check.before_owing"),
    kill_at("profiles", "check.done"),
    kill_at("profiles", "offsets.before_commit", nth=2),
    kill_at("profiles", "relay.before_send"),
    kill_at("profiles", "relay.before_delete"),
    kill_at("scoring", "store.after_commit"),
    kill_at("scoring", "publish.acknowledged", nth=2),
    kill_at("alerts", "store.before_commit"),
    kill_at("alerts", "publish.acknowledged"),
    kill_at("alerts", "offsets.before_commit"),
    kill_at("notify", "relay.before_delete"),
    kill_at("notify", "notify.sending_committed"),
    kill_at("notify", "notify.taken_by_server", nth=2),
    kill_at("notify", "notify.before_completion"),
)
HELD = (slow("profiles"), stuck("profiles"))


async def run(options: argparse.Namespace, directory: Path) -> bool:
    """Whether every ledger is exact."""
    faults = chosen((*KILLS, *HELD), options, lambda fault: fault.name)
    async with open_rig(directory, seed=options.seed, rate=options.rate, told=told(directory)) as rig:
        rows = await tabulate(rig, faults, seed=options.seed, seconds=options.seconds)
    passed = all(row.passed for row in rows)
    print(f"{sum(row.passed for row in rows)} of {len(rows)} points without a difference, seed {options.seed}")
    found = {"faults": [asdict(one) for one in rows]}
    write_report("faults-points.json", {"seed": options.seed, "rate": options.rate, "passed": passed, **found})
    return passed


def main() -> int:
    """0 when every ledger is exact."""
    options = parser(__doc__)
    options.set_defaults(seconds=5.0, rate=150.0)
    return carry_out(options.parse_args(), run)


if __name__ == "__main__":
    sys.exit(main())
