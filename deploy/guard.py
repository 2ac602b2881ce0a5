"""Stands between a server and whoever started it, so that the server never outlives its owner.

Run as a plain script: `python -I -S guard.py OPTIONS COMMAND...`. Standard input is the lifeline: a pipe that the
owner holds open and that closes however the owner dies. Standard output tells the server's pid once; standard error
is the log. PR_SET_PDEATHSIG alone would not do: it fires when the starting *thread* ends.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command until it ends (its exit status, 128 + n for signal n) or until the lifeline closes."""
    options: dict[str, Any] = json.loads(arguments[0])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stay)  # a handler, not SIG_IGN: the command must not inherit deafness
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    guard = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(arguments[1:], options, guard, libc)
    os.write(1, f"{pid}\n".encode())
    os.close(1)
    threading.Thread(target=_watch_lifeline, args=(pid, options), daemon=True).start()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    _wait_for_descendants(options["grace"])
    return code if code >= 0 else 128 - code


def _stay(number: int, frame: object) -> None:
    """Only the lifeline and the command's own end stop a guard."""


def _become(command: list[str], options: dict[str, Any], guard: int, libc: ctypes.CDLL | None) -> None:
    """In the forked child: drop privileges, tie its life to the guard's, become the command. Never returns."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        if options.get("uid") is not None:
            os.setgroups([])
            os.setgid(options["gid"])
            os.setuid(options["uid"])
        if libc is not None:  # after setuid, which would clear it
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is what a guard is for
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _wait_for_descendants(seconds: float) -> None:
    """What a killed server leaves behind sees that and ends; only then is its place free for the next one."""
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _watch_lifeline(pid: int, options: dict[str, Any]) -> None:
    """Block until the owner is gone, then stop the command: politely first, for good after the grace period."""
    while os.read(0, 1):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, options["stop_signal"])
    threading.Event().wait(options["grace"])
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
