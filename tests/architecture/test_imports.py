"""The dependency rules of pyproject.toml hold, and each of them notices when it is broken."""

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.architecture.sources import ROOT, SERVICES

LINT = Path(sys.executable).with_name("lint-imports")

# One file each that breaks the rule, by the beginning of the rule's name.
BAD: dict[str, tuple[str, str]] = {
    "A service can be changed": ("services/alerts/http.py", "import services.scoring.handlers"),
    "shared can be understood": ("shared/postgres/pool.py", "import services.scoring.domain"),
    "What runs in production": ("services/profiles/timers.py", "import tests.support"),
    "Deployment may use": ("deploy/cli.py", "import tests.support"),
    "Inside a service": ("services/scoring/handlers.py", "import services.scoring.store"),
    "Configuration is decided": ("services/scoring/timers.py", "import services.scoring.settings"),
    "Decisions can be tested": ("services/scoring/domain/decide.py", "import msgspec"),
    "The database can be": ("services/notify/handlers.py", "import asyncpg"),
    "The broker's client": ("services/ingest/handlers.py", "from aiokafka import errors\nimport faststream"),
    "Topics and tables": ("shared/kafka/topics.py", "import shared.postgres.pool"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-logo", "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(folder), "COLUMNS": "400", "PATH": ""},
    )


def verdicts(output: str) -> dict[str, str]:
    """KEPT or BROKEN by contract; the tool breaks long names over lines."""
    text = " ".join(output.partition("Analyzed")[2].partition("Contracts:")[0].split())
    found = {}
    for name in contract_names():
        found[name] = text.partition(name)[2].split(maxsplit=1)[0]
    return found


def contract_names() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return [contract["name"] for contract in settings["contracts"]]


def test_the_dependency_rules_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_every_rule_notices_when_it_is_broken(tmp_path: Path) -> None:
    """A tree with the same names and nothing bad in it keeps every rule; one bad file per rule breaks each."""
    rules = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.importlinter]")
    files = {"pyproject.toml": "".join(rules[1:]), "shared/postgres/pool.py": "import asyncpg"}
    files |= dict.fromkeys(("shared/kafka/topics.py", "deploy/cli.py", "tests/support/waiting.py"), "")
    for service in SERVICES:
        names = ("__main__", "consumers", "http", "timers", "store", "settings", "handlers", "metrics", "domain/decide")
        files |= {f"services/{service}/{name}.py": "" for name in names}
        files[f"services/{service}/app.py"] = f"import aiokafka\nimport faststream\nimport services.{service}.settings"
    write(tmp_path, files)
    good = lint(tmp_path)
    assert set(verdicts(good.stdout).values()) == {"KEPT"}, good.stdout + good.stderr
    assert len(BAD) == len(contract_names())
    assert all(any(name.startswith(begin) for name in contract_names()) for begin in BAD)
    write(tmp_path, dict(BAD.values()))
    bad = lint(tmp_path)
    assert set(verdicts(bad.stdout).values()) == {"BROKEN"}, bad.stdout + bad.stderr


def write(folder: Path, files: Mapping[str, str]) -> None:
    """These files, in packages."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
        for parent in Path(name).parents[:-1]:
            (folder / parent / "__init__.py").touch()
