"""`ebbtide down`: stop the system that runs in a data directory."""

import contextlib
import os
import signal

from cyclopts import App

from deploy.cli._options import DEFAULT_DATA, DataOption
from deploy.processes import wait_until
from deploy.state import is_running, owner_pid
from deploy.system import DRAIN_SECONDS

_PATIENCE = DRAIN_SECONDS + 45.0
_EXIT_SECONDS = 2.0


def register(app: App) -> None:
    """Add the command."""
    app.command(down)


def down(*, data: DataOption = DEFAULT_DATA) -> int:
    """Drain and stop the system of `ebbtide up`, and wait until it is gone."""
    pid = owner_pid(data)
    if pid is None:
        print(f"No Ebbtide runs in {data}.")
        return 0
    _signal(pid, signal.SIGTERM)
    if wait_until(lambda: not is_running(data), timeout=_PATIENCE):
        wait_until(lambda: not _exists(pid), timeout=_EXIT_SECONDS)
        print("Everything is stopped.")
        return 0
    _signal(pid, signal.SIGKILL)  # its guards stop what it ran
    wait_until(lambda: not is_running(data), timeout=_PATIENCE)
    print(f"Ebbtide (pid {pid}) did not stop in {_PATIENCE:g} s and was killed.")
    return 1


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
