"""Tests that a document names as its proof, `tests/unit/x/test_y.py::test_z`, and whether they exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOT

# A file of tests, a test in it, or, after a first one in the same cell, `::test_other` of the same file.
_NAMED = re.compile(r"`(?:(tests/[\w./-]+\.py)(?:::(\w+))?|::(\w+))`")
_ROW = re.compile(r"^\|(?!\s*:?-{3,})(.*)\|\s*$")


def named_tests(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Line, file and test (null when the whole file is named) of all that a Markdown text names.

    `::test_other` belongs to the file named last on the same line. Raises ValueError where there is none.
    """
    for line, said in enumerate(text.splitlines(), start=1):
        file = None
        for match in _NAMED.finditer(said):
            file = match[1] or file
            if file is None:
                raise ValueError(f"line {line}: {match[0]} does not say of which file")
            yield line, file, match[2] or match[3]


def missing_tests(text: str, root: Path = ROOT) -> list[str]:
    """What is named and is not there, each with its line."""
    found = []
    for line, file, test in named_tests(text):
        path = root / file
        if not path.is_file():
            found.append(f"line {line}: there is no {file}")
        elif test is not None and test not in _tests_in(path):
            found.append(f"line {line}: {file} has no {test}")
    return found


def rows_without_tests(text: str, column: int) -> list[str]:
    """Rows of tables whose cell `column` (from 0) names no test; the rows above the dashes are headings."""
    found = []
    lines = text.splitlines()
    for number, said in enumerate(lines):
        row = _ROW.match(said)
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if row is None or re.match(r"^\|\s*:?-{3,}", below):
            continue
        cells = [cell.strip() for cell in row[1].replace("\\|", "\0").split("|")]
        if column < len(cells) and not _NAMED.search(cells[column]):
            found.append(f"line {number + 1}: {cells[0]} names no test")
    return found


@cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))
