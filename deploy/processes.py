"""Child processes that never outlive us, write to a log file, and are waited for without sleeping blindly."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.accounts import Account

_GUARD = Path(__file__).with_name("guard.py")
_LOG_LIMIT = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run. `grace` is how many seconds it gets after `stop_signal` when its owner has died."""

    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: Path | None = None
    account: Account | None = None
    pass_fds: tuple[int, ...] = ()
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    guarded: tuple[str, ...] = field(default=(sys.executable, "-I", "-S", str(_GUARD)), repr=False)


class GuardedProcess:
    """One running command behind its guard. `pid` is the command's own; signals go straight to it."""

    def __init__(self, command: Command) -> None:
        """Start it. Terminal signals (Ctrl-C) do not reach it: it has its own session."""
        self.command = command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(command.log)
        self.log_start = command.log.stat().st_size if command.log.exists() else 0
        options = {"stop_signal": int(command.stop_signal), "grace": command.grace}
        if command.account is not None:
            options |= {"uid": command.account.uid, "gid": command.account.gid}
        with command.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [*command.guarded, json.dumps(options), *command.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=command.env,
                cwd=command.cwd,
                pass_fds=command.pass_fds,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as said:
            self.pid = int(said.readline() or 0)

    def exit_code(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it."""
        return self._guard.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Block until it ends or `timeout` seconds pass (then None)."""
        try:
            code = self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        return code

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.exit_code() is None and self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def stop(self, timeout: float, *, with_signal: int | None = None) -> bool:
        """Ask it to end, wait, and kill it when it has not after `timeout` seconds. True if it went by itself."""
        self.send(self.command.stop_signal if with_signal is None else with_signal)
        if self.wait(timeout) is not None:
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def output(self) -> str:
        """What it has written to its log since it was started."""
        with self.command.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def last_line(self) -> str:
        """The last thing it said, for error messages."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


def wait_until(
    ready: Callable[[], bool],
    *,
    timeout: float,
    alive: Callable[[], bool] = lambda: True,
    pace: float = 0.02,
) -> bool:
    """Poll `ready` every `pace` seconds until it holds (True), or `timeout` has passed or `alive` holds no more."""
    never = threading.Event()
    deadline = time.monotonic() + timeout
    while not ready():
        if not alive() or time.monotonic() > deadline:
            return False
        never.wait(pace)
    return True


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(log.suffix + ".1"))
