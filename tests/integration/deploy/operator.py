"""An operator at work: the `ebbtide` command told by the environment where the parts of an installation are.

Loading the command takes two seconds of processor time. So it is loaded once, by a process that then forks for each
command: what runs is what `ebbtide` runs, in a process of its own with an environment of its own.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.stack import ROOT, Lease

_LOADED = (
    "installation",
    "letters",
    "asking",
    "checks",
    "checks.databases",
    "checks.services",
    "checks.topics",
    "tracing",
)
_SERVER = """
import importlib, json, os, sys
from deploy import cli
cli.create_app()
for name in sys.argv[1:]:
    importlib.import_module("deploy.operation." + name)
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(asked["environment"])
        for number, path in enumerate(["/dev/null", asked["out"], asked["err"]]):
            os.dup2(os.open(path, os.O_RDWR), number)
        code = 70
        try:
            cli.main(asked["arguments"])
        except SystemExit as exit:
            code = exit.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class _Loaded:
    """The process that has everything loaded. Ends with this one: it reads until nobody can write to it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, *_LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd="/",
            text=True,
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self._turn, tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            out.touch()
            err.touch()
            asked = {"arguments": arguments, "environment": environment, "out": str(out), "err": str(err)}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8")


@cache
def _loaded() -> _Loaded:
    return _Loaded()


@dataclass(frozen=True, slots=True)
class Operator:
    """`environment` holds what the commands are told."""

    environment: Mapping[str, str]

    async def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, JSON on standard output (or its text) and standard error."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EBBTIDE_", "KAFKA_"))}
        code, out, err = await asyncio.to_thread(_loaded().run, arguments, {**inherited, **self.environment})
        return code, json.loads(out) if out.startswith("{") else out, err


def operator_of(
    lease: Lease, dsns: Mapping[str, str], urls: Mapping[str, str] | None = None, key: str = ""
) -> Operator:
    """Somebody who knows these addresses and nothing else."""
    told = {f"EBBTIDE_{service.upper()}_POSTGRES_DSN": dsn for service, dsn in dsns.items()}
    told |= {f"EBBTIDE_{service.upper()}_URL": url for service, url in (urls or {}).items()}
    told |= {"KAFKA_BOOTSTRAP": lease.kafka_bootstrap, "KAFKA_TOPIC_PREFIX": lease.prefix}
    return Operator(told | ({"EBBTIDE_KEY": key} if key else {}))
