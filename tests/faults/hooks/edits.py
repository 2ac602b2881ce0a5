"""Small changes to a source text, each of a piece that is there exactly once, and a mark where one is executed."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What a marked statement calls before it is executed.
MARK = "__reached__"


class DoesNotApplyError(Exception):
    """The source is not what the change was made for."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, a path from the root of the repository, `old` becomes `new`."""

    file: str
    old: str
    new: str

    @property
    def module(self) -> str:
        """The module that the file is imported as."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def source(self) -> str:
        """The file as it is."""
        return (ROOT / self.file).read_text(encoding="utf-8")


def apply(text: str, edits: Sequence[Edit]) -> tuple[str, list[int]]:
    """The changed text, and the line at which each change begins.

    Raises DoesNotApplyError when a piece to be replaced is not there, or more than once.
    """
    places: list[int] = []
    for edit in edits:
        if (count := text.count(edit.old)) != 1:
            raise DoesNotApplyError(f"{edit.file}: {count} times, not once: {edit.old!r}")
        start = text.index(edit.old)
        grown = len(edit.new) - len(edit.old)
        places = [place + grown if place > start else place for place in places]
        places.append(start + _same(edit.old, edit.new))
        text = text.replace(edit.old, edit.new)
    return text, [text.count("\n", 0, place) + 1 for place in places]


def _same(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (here, there) in pairs if here != there), min(len(one), len(other)))


def parse(text: str, lines: Sequence[int], path: str) -> ast.Module:
    """The program, with a call of MARK before the statement at each of these lines.

    Raises DoesNotApplyError when one of them is outside of every function: executed at import it would prove nothing.
    """
    tree = ast.parse(text, path)
    for line in lines:
        found = min(
            (one for one in _statements(tree) if one[2].lineno <= line <= (one[2].end_lineno or one[2].lineno)),
            key=lambda one: ((one[2].end_lineno or 0) - one[2].lineno, -one[2].col_offset),
            default=None,
        )
        if found is None:
            raise DoesNotApplyError(f"{path}:{line} is no statement of a function")
        siblings, index, statement = found
        mark = ast.parse(f"{MARK}()").body[0]
        for node in ast.walk(mark):
            ast.copy_location(node, statement)
        siblings.insert(index, mark)
    return ast.fix_missing_locations(tree)


def _statements(tree: ast.AST, inside: bool = False) -> Iterator[tuple[list[ast.stmt], int, ast.stmt]]:
    """Statements of functions: the list each is in, its place there, itself."""
    for node in ast.iter_child_nodes(tree):
        within = inside or isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _statements(node, within)
    if not (inside or isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        siblings = getattr(tree, name, None)
        if isinstance(siblings, list):
            for index, statement in enumerate(siblings):
                if isinstance(statement, ast.stmt):
                    yield siblings, index, statement
