"""`ebbtide up`, `status` and `down`, with the real services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.cli.status import look
from deploy.environment import inherited
from deploy.processes import wait_until


def _ebbtide(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], env=inherited(), capture_output=True, text=True, check=False
    )


def _pids(report: dict[str, Any]) -> set[int]:
    parts = [report, report["kafka"], report["postgres"], report["mailbox"], *report["services"].values()]
    return {part["pid"] for part in parts}


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory in which nothing runs any more afterwards."""
    yield tmp_path / "data"
    _ebbtide("down", "--data", str(tmp_path / "data"))


def test_the_system_runs_detached_heals_itself_and_goes_without_a_trace(data: Path) -> None:
    started = _ebbtide("up", "--detach", "--port-base", "0", "--data", str(data))
    assert started.returncode == 0, started.stderr
    status = _ebbtide("status", "--json", "--data", str(data))
    before = json.loads(status.stdout)
    assert (status.returncode, before["ready"]) == (0, True)
    assert before["services"]["ingest"]["url"] in started.stdout
    os.kill(before["services"]["scoring"]["pid"], signal.SIGKILL)

    def healed() -> bool:
        report = look(data)
        return bool(report["ready"] and report["services"]["scoring"]["restarts"] == 1)

    assert wait_until(healed, timeout=40)
    pids = _pids(before) | _pids(look(data))
    refused = _ebbtide("up", "--data", str(data))
    assert refused.returncode == 1
    assert "already runs" in refused.stderr
    assert _ebbtide("down", "--data", str(data)).returncode == 0
    assert [pid for pid in pids if _lives(pid)] == []
    assert _ebbtide("status", "--data", str(data)).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--stack", "compose"), "The compose stack comes in a later version"),
        (("--stack", "external"), "The external stack needs KAFKA_BOOTSTRAP and POSTGRES_DSN"),
    ],
)
def test_a_stack_that_cannot_be_had_is_refused_with_one_sentence(
    data: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = _ebbtide("up", *arguments, "--data", str(data))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"ebbtide: {sentence}")
    assert len(refused.stderr.splitlines()) == 1


def test_stopping_what_does_not_run_is_no_error(data: Path) -> None:
    stopped = _ebbtide("down", "--data", str(data))
    assert (stopped.returncode, stopped.stdout) == (0, f"No Ebbtide runs in {data}.\n")
