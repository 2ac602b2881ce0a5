"""Processes are kept running, drained, and never left behind."""

import os
import signal
import sys
from pathlib import Path

import psutil

from deploy.processes import Command, GuardedProcess, wait_until
from deploy.supervisor import Supervisor

STAND_IN = (
    "import signal, threading; signal.signal(15, {on_term}); print('serving', flush=True); threading.Event().wait()"
)
SERVES = STAND_IN.format(on_term="lambda *_: exit(0)")
DEAF = STAND_IN.format(on_term="signal.SIG_IGN")


def _python(program: str, log: Path) -> GuardedProcess:
    process = GuardedProcess(Command(argv=(sys.executable, "-c", program), log=log))
    assert wait_until(lambda: "serving" in process.output() or process.exit_code() is not None, timeout=10)
    return process


def test_a_killed_child_is_started_again_and_it_is_said(log: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    child = supervisor.add("stand-in", lambda: _python(SERVES, log))
    first = child.running.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: child.restarts == 1, timeout=5)
    assert child.running.pid != first
    assert supervisor.stop(5) == []
    assert said[0] == "stand-in was ended by signal 9; starting it again in 0.5 s"
    assert not psutil.pid_exists(child.running.pid or 0)


def test_a_child_that_keeps_dying_is_started_later_and_later(log: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    supervisor.add("broken", lambda: _python("exit(3)", log))
    assert wait_until(lambda: sum("starting it again in 1 s" in line for line in said) == 1, timeout=10)
    supervisor.stop(1)
    endings = [line for line in said if "ended" in line]
    assert endings[0].endswith("ended with exit code 3; starting it again in 0.5 s")


def test_a_child_that_does_not_drain_is_killed_and_named(log: Path) -> None:
    supervisor = Supervisor(say=lambda sentence: None)
    child = supervisor.add("deaf", lambda: _python(DEAF, log))
    assert supervisor.stop(0.2) == ["deaf"]
    assert not psutil.pid_exists(child.running.pid or 0)


def test_a_child_gets_no_second_life_while_stopping(log: Path) -> None:
    supervisor = Supervisor(say=lambda sentence: None)
    child = supervisor.add("stand-in", lambda: _python(SERVES, log))
    assert child.running.pid is not None
    os.kill(child.running.pid, signal.SIGKILL)
    supervisor.stop(1)
    assert not psutil.pid_exists(child.running.pid)


def test_a_killed_guard_takes_its_command_along(log: Path) -> None:
    process = _python(SERVES, log)
    guard = psutil.Process(process.pid).ppid()
    os.kill(guard, signal.SIGKILL)
    assert process.wait(5) is not None
    assert wait_until(lambda: not psutil.pid_exists(process.pid), timeout=5)


def test_a_command_that_is_not_there_says_so_in_its_log(log: Path) -> None:
    process = GuardedProcess(Command(argv=("/no/such/program",), log=log))
    assert process.wait(5) == 127
    assert process.last_line() == "cannot run /no/such/program: No such file or directory"
