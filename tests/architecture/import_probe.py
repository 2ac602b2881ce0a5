"""Imports the modules named on the command line and prints, as JSON, what that did beyond defining things.

Runs in a process of its own, because an audit hook stays for good. Libraries that the modules import are imported
before the watch begins: what they do is their business.
"""

import ast
import importlib
import importlib.util
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import prometheus_client
import structlog

_SOCKETS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.__new__")
_PROCESSES = ("subprocess.Popen", "os.system", "os.fork", "os.exec", "os.posix_spawn")
_FILES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.putenv", "shutil.rmtree", "tempfile.mkstemp")
# Statements and templates lie beside the code and are part of it.
_PACKAGE_DATA = (".sql", ".py", ".pyc")


def main(modules: Sequence[str]) -> list[str]:
    """What importing `modules` did."""
    specs = [spec for name in modules if (spec := importlib.util.find_spec(name)) is not None and spec.origin]
    own = {name.partition(".")[0] for name in modules}
    _import_libraries([Path(str(spec.origin)) for spec in specs], own)
    found: list[str] = []
    watching = ["nothing"]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event in _SOCKETS or event in _PROCESSES or event in _FILES:
            found.append(f"{watching[0]}: {event}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, mode = os.fsdecode(arguments[0]), arguments[1] or "r"
            writes = any(letter in mode for letter in "wax+")
            if ("__pycache__" not in path and writes) or not path.partition(".pyc.")[0].endswith(_PACKAGE_DATA):
                found.append(f"{watching[0]}: opens {Path(path).name}")

    before = _configuration()
    sys.addaudithook(watch)
    for name in modules:
        watching[0] = name
        importlib.import_module(name)
        now = _configuration()
        found += [f"{name}: changes {what}" for what in before if now[what] != before[what]]
        before = now
    watching.clear()
    return found


def _import_libraries(files: Sequence[Path], own: set[str]) -> None:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                if name.partition(".")[0] not in own:
                    importlib.import_module(name)


def _configuration() -> dict[str, Any]:
    """Everything of a process that a module might set up and must not."""
    return {
        "the handlers of the log": list(logging.getLogger().handlers),
        "the level of the log": logging.getLogger().level,
        "structlog": structlog.is_configured(),
        "the environment": dict(os.environ),
        "the signal handlers": [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)],
        "the threads": threading.active_count(),
        "the default metrics registry": sorted(prometheus_client.REGISTRY._names_to_collectors),
        "the working directory": Path.cwd(),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
