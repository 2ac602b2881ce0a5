"""Loads changed sources instead of those on the disk, and hands them what they call."""

import ast
import importlib.abc
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tests.faults.hooks.acting import Hooks
from tests.faults.hooks.edits import MARK, ROOT, Edit, apply, parse
from tests.faults.hooks.points import POINTS

_QUERIES = "shared/postgres/queries.py"
# Named statements are read by one function; there changed ones come in.
STATEMENTS = Edit(_QUERIES, "return Queries(statements)", "return Queries(__statements__(path, statements))")


def install(environment: Mapping[str, str]) -> None:
    """What a process is told: `FAULT_HOOKS` a folder of its own, `FAULT_SERVICE` who it is if it has kill points,
    `FAULT_MUTATION` the defect it is to have."""
    hooks = Hooks(Path(environment["FAULT_HOOKS"]), environment.get("FAULT_SERVICE", ""))
    points = list(POINTS.values()) if environment.get("FAULT_SERVICE") else []
    mutated: list[Edit] = []
    if name := environment.get("FAULT_MUTATION"):
        from tests.faults.mutations_listed import find

        mutated = list(find(name).edits)
    sys.meta_path.insert(0, ChangedSources(points, mutated, hooks))


class ChangedSources(importlib.abc.MetaPathFinder):
    """Finds the modules that are changed: by `points`, and then, marked, by `mutated`."""

    def __init__(self, points: Sequence[Edit], mutated: Sequence[Edit], hooks: Hooks) -> None:
        self._points = [one for one in points if one.file.endswith(".py")]
        self._mutated = [one for one in mutated if one.file.endswith(".py")]
        statements = [one for one in mutated if one.file.endswith(".sql")]
        if statements:
            self._points.append(STATEMENTS)
        self._names = {
            "__point__": hooks.point,
            MARK: hooks.reached,
            "__statements__": lambda path, found: changed_statements(path, found, statements, hooks),
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        points = [one for one in self._points if one.module == fullname]
        mutated = [one for one in self._mutated if one.module == fullname]
        if not points and not mutated:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, points, mutated, self._names)
        return spec


class _Loader(SourceFileLoader):
    def __init__(
        self, name: str, path: str, points: Sequence[Edit], mutated: Sequence[Edit], names: Mapping[str, Any]
    ) -> None:
        super().__init__(name, path)
        self._points = points
        self._mutated = mutated
        self._names = names

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = changed(self.get_data(path).decode(), self._points, self._mutated, path)
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self._names)
        super().exec_module(module)


def changed(text: str, points: Sequence[Edit], mutated: Sequence[Edit], path: str) -> ast.Module:
    """The program with its kill points and, marked, its defects. Raises DoesNotApplyError."""
    text, _ = apply(text, points)
    text, lines = apply(text, mutated)
    return parse(text, lines, path)


class _Statements(dict[str, str]):
    """Statements by name; those that were changed say when they are taken."""

    def __init__(self, found: Mapping[str, str], changed: frozenset[str], hooks: Hooks) -> None:
        super().__init__(found)
        self._changed = changed
        self._hooks = hooks

    def __getitem__(self, name: str) -> str:
        if name in self._changed:
            self._hooks.reached()
        return super().__getitem__(name)


def changed_statements(path: Path, found: Mapping[str, str], edits: Sequence[Edit], hooks: Hooks) -> Mapping[str, str]:
    """The named statements of one file with the edits of that file. Raises DoesNotApplyError."""
    mine = [one for one in edits if ROOT / one.file == path.resolve()]
    after = dict(found)
    for edit in mine:
        name = next((name for name, text in after.items() if edit.old in text), "")
        after[name], _ = apply(after.get(name, ""), [edit])
    return _Statements(after, frozenset(name for name in found if found[name] != after[name]), hooks)
