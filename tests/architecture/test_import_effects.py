"""Nothing happens at import: no socket, no file but statements beside the code, no configuration, no thread."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.sources import PRODUCT, ROOT, sources

PROBE = ROOT / "tests" / "architecture" / "import_probe.py"


def effects(modules: Sequence[str], *, root: Path = ROOT) -> list[str]:
    """What importing these modules does."""
    done = subprocess.run(
        [sys.executable, "-B", str(PROBE), *modules],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_importing_any_module_of_shared_and_services_does_nothing() -> None:
    modules = [module_of(file.path) for file in sources(*PRODUCT)]
    assert len(modules) > 50
    assert not effects(modules)


BAD = {
    "a socket": "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
    "a file that is read": "from pathlib import Path\nTEXT = Path('/etc/hostname').read_text()",
    "a file that is written": "open('note.sql', 'w').close()",
    "a log handler": "import logging\nlogging.basicConfig()",
    "structlog": "import structlog\nstructlog.configure()",
    "the environment": "import os\nos.environ['EBBTIDE_X'] = '1'",
    "a thread": "import threading\nevent = threading.Event()\nthreading.Thread(target=event.wait, daemon=True).start()",
    "a metric": "import prometheus_client\nprometheus_client.Counter('ebbtide_x', 'X.')",
    "a signal handler": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "a program": "import subprocess\nsubprocess.run(['/bin/true'])",
}


@pytest.mark.parametrize("what", BAD)
def test_the_check_sees(what: str, tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text(BAD[what] + "\n", encoding="utf-8")
    assert effects(["careless"], root=tmp_path)
