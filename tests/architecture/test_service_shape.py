"""One menu of file names, five times: who knows one service knows where to look in the others."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SERVICES

# A module or a folder of that name.
REQUIRED = {"__init__", "__main__", "app", "settings", "domain", "handlers", "store", "metrics", "sql"}
OPTIONAL = {"consumers", "timers", "http", "gateways", "console", "templates"}
SQL_FILES = {"queries.sql", "schema.sql", "migrations"}

# What a service has beside the menu, each with its reason.
BESIDES: dict[str, dict[str, str]] = {
    "profiles": {
        "codec": "long histories are stored and published packed, which neither handler nor store should know"
    },
}


def shape_problems(folder: Path, besides: Iterable[str] = ()) -> list[str]:
    """How a service's folder differs from the menu."""
    entries = [path for path in folder.iterdir() if path.name != "__pycache__" and not path.name.startswith(".")]
    names = {path.stem for path in entries}
    found = [f"{folder.name} has no {name}" for name in sorted(REQUIRED - names)]
    found += [f"{folder.name} has {name}, not on the menu" for name in sorted(names - REQUIRED - OPTIONAL - {*besides})]
    found += [f"{folder.name} no longer has {name}" for name in sorted({*besides} - names)]
    found += [
        f"{folder.name} has {path.stem} as a file and as a folder"
        for path in entries
        if path.suffix == ".py" and (folder / path.stem).is_dir()
    ]
    if (folder / "sql").is_dir():
        files = {path.name for path in (folder / "sql").iterdir()}
        found += [f"{folder.name}/sql has no {name}" for name in sorted(SQL_FILES - files)]
    card = folder / "__init__.py"
    if card.is_file() and not _is_card(card.read_text(encoding="utf-8")):
        found.append(f"{folder.name}/__init__.py is more than a card")
    return found


def _is_card(text: str) -> bool:
    """Only a docstring."""
    tree = ast.parse(text)
    return len(tree.body) == 1 and ast.get_docstring(tree) is not None


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_files_of_the_menu(service: str) -> None:
    assert not shape_problems(ROOT / "services" / service, BESIDES.get(service, ()))


def test_there_are_the_five_services_and_nothing_else() -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(SERVICES)


def test_the_check_sees_what_is_missing_doubled_or_new(tmp_path: Path) -> None:
    folder = tmp_path / "billing"
    for name in ("app.py", "settings.py", "store.py", "metrics.py", "utils.py", "handlers.py", "__init__.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("import os\n", encoding="utf-8")
    for name in ("domain", "sql", "handlers"):
        (folder / name).mkdir()
    (folder / "sql" / "queries.sql").touch()
    assert shape_problems(folder, ["codec"]) == [
        "billing has no __main__",
        "billing has utils, not on the menu",
        "billing no longer has codec",
        "billing has handlers as a file and as a folder",
        "billing/sql has no migrations",
        "billing/sql has no schema.sql",
        "billing/__init__.py is more than a card",
    ]
