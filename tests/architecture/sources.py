"""The source files of this repository, and what to look for in them."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "profiles", "scoring", "alerts", "notify")
PRODUCT = ("shared", "services")
EVERYTHING = ("shared", "services", "deploy", "tests")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `path` is relative to the root of the repository."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


# Says what is wrong with a file, each finding with its line.
Check = Callable[[Source], Iterable[tuple[int, str]]]


def sources(*folders: str) -> Iterator[Source]:
    """All Python files below these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def findings(check: Check, files: Iterable[Source], *, allowed: Iterable[str] = ()) -> list[str]:
    """`path:line: what is wrong`, except in the allowed files."""
    excused = set(allowed)
    return [f"{file.path}:{line}: {wrong}" for file in files if file.path not in excused for line, wrong in check(file)]


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


# Of a dotted name the last two parts tell, however the module was imported.
_CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "sleep"),
    ("asyncio", "sleep"),
}


def asks_for_time_or_waits(file: Source) -> Iterator[tuple[int, str]]:
    """Uses of the wall clock and of sleep."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute):
            name = tuple(_dotted(node).split(".")[-2:])
            if name in _CLOCKS:
                yield node.lineno, f"{'.'.join(name)}: use shared.clock"
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            for alias in node.names:
                if (node.module, alias.name) in _CLOCKS:
                    yield node.lineno, f"from {node.module} import {alias.name}: use shared.clock"


_SQL = re.compile(
    r"^\s*(select\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|truncate\s|with\s+\w+\s+as\s"
    r"|(create|alter|drop)\s+(table|index|schema|database|role|type)\s|lock\s+table\s|set\s+(local|session)\s)",
    re.IGNORECASE,
)


def holds_sql(file: Source) -> Iterator[tuple[int, str]]:
    """Statement texts; docstrings may talk about SQL."""
    tree = file.tree
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if _SQL.match(node.value):
            yield node.lineno, "SQL belongs into a .sql file as a named query"


def subscribes(file: Source) -> Iterator[tuple[int, str]]:
    """FastStream subscribers that were not made by shared/kafka/subscription.py."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "subscriber":
            yield node.lineno, "a bare subscriber acknowledges what was not stored: use shared.kafka.subscription"


def publishes_batches(file: Source) -> Iterator[tuple[int, str]]:
    """Calls of publish_batch."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and node.attr == "publish_batch":
            yield node.lineno, "publish_batch ignores the key's partition and does not bound its wait: use Publisher"


def leaves_the_standard_library(file: Source) -> Iterator[tuple[int, str]]:
    """Imports of a domain module beyond the standard library, its own folder and numeric kernels."""
    own = ".".join(Path(file.path).parts[: Path(file.path).parts.index("domain") + 1])
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "" if not node.level else own]
        else:
            continue
        for name in names:
            inside = name == own or name.startswith(own + ".")
            if not inside and name.partition(".")[0] not in sys.stdlib_module_names | {"numpy", "scipy"}:
                yield node.lineno, f"a domain imports the standard library and itself, not {name}"


def has_no_docstring(file: Source) -> Iterator[tuple[int, str]]:
    """Modules that do not say what they are; an empty one is nothing."""
    if file.text.strip() and ast.get_docstring(file.tree) is None:
        yield 1, "open the module with a sentence that says what it is"


LONGEST = 300


def is_too_long(file: Source) -> Iterator[tuple[int, str]]:
    """Files beyond the cap."""
    lines = file.text.count("\n")
    if lines > LONGEST:
        yield lines, f"{lines} lines, more than {LONGEST}: probably two things with two names"
