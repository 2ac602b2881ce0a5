"""Nothing happens at import: no socket, no file but statements beside the code, no configuration, no thread."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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
    "socket": "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
    "reading": "import sys\nHEAD = open(sys.executable, 'rb').read(4)",
    "writing": "open('note.sql', 'w').close()",
    "log_handler": "import logging\nlogging.basicConfig()",
    "structured_log": "import structlog\nstructlog.configure()",
    "environment": "import os\nos.environ['EBBTIDE_X'] = '1'",
    "thread": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "metric": "import prometheus_client\nprometheus_client.Counter('ebbtide_x', 'X.')",
    "signal_handler": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "program": "import subprocess\nsubprocess.run(['/bin/true'])",
}


def test_the_check_sees_every_effect_and_leaves_definitions_alone(tmp_path: Path) -> None:
    texts = {f"careless_{name}": text for name, text in BAD.items()}
    texts["careful"] = "import logging\nlog = logging.getLogger(__name__)\ndef f(): open('x')"
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text + "\n", encoding="utf-8")
    found = effects(sorted(texts), root=tmp_path)
    assert {one.partition(":")[0] for one in found} == {f"careless_{name}" for name in BAD}, found
