"""What we take from others: lock files, and what the sources import."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions

from tests.architecture.sources import Source

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[a-z,]+\])?==[^\s;]+( *;[^\\]*)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lock_problems(text: str) -> list[str]:
    """What of a requirements file would be installed without anybody knowing what it is."""
    found = []
    for entry in re.sub(r"\\\n\s*", " ", text).splitlines():
        entry = entry.strip()
        if not entry or entry.startswith("#"):
            continue
        pin, *hashes = re.split(r"\s+(?=--hash)", entry)
        if not _PIN.fullmatch(pin.strip()):
            found.append(f"{pin}: not a package of one version")
        elif not hashes or not all(_HASH.fullmatch(one.strip()) for one in hashes):
            found.append(f"{pin}: no hash")
    return found


def locked(text: str) -> frozenset[str]:
    """The packages of a requirements file."""
    return frozenset(_normal(match["name"]) for match in re.finditer(rf"^{_PIN.pattern}", text, re.MULTILINE))


def foreign_imports(file: Source) -> Iterator[tuple[int, str]]:
    """Line and top module of everything that is imported absolutely."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]


def distributions() -> Mapping[str, frozenset[str]]:
    """The packages that bring a module, by its name."""
    return {module: frozenset(map(_normal, names)) for module, names in packages_distributions().items()}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
