"""Everything installed is pinned and hashed, and nothing is imported that is not."""

import re
import sys

import pytest

from tests.architecture import sources
from tests.architecture.sources import ROOT, Source
from tests.architecture.supply import distributions, foreign_imports, lock_problems, locked

LOCKS = ("requirements.txt", "requirements-stack.txt", "requirements-dev.txt", "requirements-setup.txt")
GOOD = "jinja2==3.1.6 \\\n    --hash=sha256:" + "0" * 64 + " \\\n    --hash=sha256:" + "1" * 64 + "\n"


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(locked(text)) >= 3
    assert not lock_problems(text)


@pytest.mark.parametrize(
    "line",
    [
        "jinja2==3.1.6\n",
        "jinja2>=3.1\n",
        "jinja2\n",
        "jinja2==3.1.6 --hash=md5:00\n",
        "jinja2==3.1.6 --hash=sha256:00\n",
        "--index-url https://packages.example/simple\n",
        "git+https://code.example/jinja2\n",
        "-r more.txt\n",
    ],
)
def test_the_check_sees_a_line_without_a_hash(line: str) -> None:
    assert not lock_problems(GOOD)
    assert len(lock_problems(GOOD + line + GOOD)) == 1


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_installing_checks_hashes(name: str) -> None:
    """But for ourselves, from the sources beside it."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install[^\n&]*", text)
    assert len(installs) >= 2
    assert not [one for one in installs if "--require-hashes" not in one and "--no-deps" not in one]


def test_every_archive_of_kafka_has_its_hash() -> None:
    (lock,) = (ROOT / "deploy" / "stack").glob("kafka-*.lock")
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(lines) > 30
    assert all(re.search(r"\b[0-9a-f]{64}\b", line) for line in lines)


def unlocked(files: list[Source], lock: str) -> list[str]:
    """What files import and no lock brings."""
    known, brought = locked((ROOT / lock).read_text(encoding="utf-8")), distributions()
    ours = {"shared", "services", "deploy", "tests"} | set(sys.stdlib_module_names)
    return [
        f"{file.path}:{line}: {module}"
        for file in files
        for line, module in foreign_imports(file)
        if module not in ours and not brought.get(module, frozenset()) & known
    ]


@pytest.mark.parametrize(
    ("folders", "lock"),
    [(("shared", "services"), "requirements.txt"), (("deploy",), "requirements-stack.txt"), (("tests",), LOCKS[2])],
)
def test_nothing_is_imported_that_is_not_locked(folders: tuple[str, ...], lock: str) -> None:
    assert not unlocked(list(sources.sources(*folders)), lock)


def test_the_check_sees_an_import_that_nobody_locked() -> None:
    bad = Source("services/scoring/store.py", "import json\nimport pytest\nfrom nowhere.at import all_of_it\n")
    assert unlocked([bad], "requirements.txt") == [f"{bad.path}:2: pytest", f"{bad.path}:3: nowhere"]
