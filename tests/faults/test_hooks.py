"""A process with changed sources: what it is told, and that it obeys once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.hooks.acting import Hooks, Order, arm, disarm, has_struck
from tests.faults.hooks.edits import ROOT
from tests.faults.mutations_runs import hooked

PASSES = """
import asyncio, sys
from pathlib import Path
from tests.faults.hooks.acting import Hooks

async def passes():
    hooks = Hooks(Path(sys.argv[1]), "profiles")
    for number in range(5):
        await hooks.point("store.after_commit")
        print(number, flush=True)

asyncio.run(passes())
"""
LOOKS = """
from shared.pipeline.storing import Storing
from shared.pipeline.store import _QUERIES
print("__point__" in Storing._commit.__code__.co_names, "owed.due_at <= $3" in _QUERIES.delete_published)
"""


def python(code: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAULT_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_process_is_killed_at_the_nth_time_and_the_next_one_lives(tmp_path: Path) -> None:
    arm(tmp_path, "profiles", "store.after_commit", Order(nth=3))
    first = python(PASSES, str(tmp_path), environment={"PYTHONPATH": str(ROOT)})
    assert (first.returncode, first.stdout.split()) == (-signal.SIGKILL, ["0", "1"]), first.stderr
    assert has_struck(tmp_path, "profiles", "store.after_commit")
    second = python(PASSES, str(tmp_path), environment={"PYTHONPATH": str(ROOT)})
    assert (second.returncode, second.stdout.split()) == (0, ["0", "1", "2", "3", "4"]), second.stderr


async def test_a_point_holds_whoever_passes_for_as_long_as_it_is_armed(tmp_path: Path) -> None:
    """Of its own service, at its own point; here for no time."""
    arm(tmp_path, "scoring", "handler.before", Order(act="wait", once=False))
    order = tmp_path / "armed" / "scoring.handler.before"
    hooks = Hooks(tmp_path, "scoring")
    await hooks.point("handler.before")
    await hooks.point("handler.before")
    assert order.exists()
    disarm(tmp_path, "scoring", "handler.before")
    await hooks.point("handler.before")
    arm(tmp_path, "scoring", "handler.before", Order(act="wait"))
    await Hooks(tmp_path, "alerts").point("handler.before")
    await hooks.point("check.done")
    assert not has_struck(tmp_path, "scoring", "handler.before")
    await hooks.point("handler.before")
    assert has_struck(tmp_path, "scoring", "handler.before")
    assert not order.exists()


def test_only_a_process_that_is_told_so_has_other_sources(tmp_path: Path) -> None:
    """Kill points for a service, a defect for whoever is told one, and as they are for everybody else."""
    told = hooked(tmp_path, service="profiles")
    defect = hooked(tmp_path, mutation="relay-strikes-off-what-came-since")
    plain = {"PYTHONPATH": told["PYTHONPATH"]}
    said = [python(LOOKS, environment=one) for one in (told, defect, plain)]
    assert [one.stdout.split() for one in said] == [["True", "True"], ["False", "False"], ["False", "True"]], said
    assert (tmp_path / "reached").exists()
