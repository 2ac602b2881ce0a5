"""Named statements: `-- name: verb_noun` starts one, comments under it describe it."""

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


class Queries:
    """The statements of one or more .sql files, as attributes by name."""

    def __init__(self, statements: dict[str, str]) -> None:
        self._statements = statements

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"no statement is named {name!r}; there are: {', '.join(self._statements)}") from None

    def names(self) -> frozenset[str]:
        return frozenset(self._statements)


def load_queries(path: Path) -> Queries:
    """Read one file. Raises ValueError when a name is given twice."""
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    statements: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in statements:
            raise ValueError(f"{path.name}: statement {name} is there twice")
        statements[name] = text.strip().rstrip(";")
    return Queries(statements)
