"""docs/mutations.md: what was broken on purpose, what noticed it, and what that said."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypedDict

from tests.faults.hooks.edits import ROOT
from tests.faults.hooks.mutation import Mutation
from tests.faults.mutations_listed import MUTATIONS

PAGE = ROOT / "docs" / "mutations.md"
# What came of each mutation when it was last run, by name: mutations are run one by one as well.
SAID = ROOT / "build" / "mutations.json"
FOUND = ROOT / "build" / "mutations_ledger.json"
KINDS = ("missing", "extra", "twice", "stale", "backwards")
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)
_LONGEST = 140


class Found(TypedDict):
    """What the ledger found of a system with a mutation: so many differences of each kind, and the first."""

    fault: str
    counts: dict[str, int]
    first: str


HEAD = """# What the tests notice

A test suite that is green says something only if it would be red were something broken. Here each promise is broken on
purpose: a few lines of the running sources are replaced as a process loads them (`tests/faults/hooks`; production code
knows nothing of it), the tests named run in that process, and each of them must fail with an assertion. That the
replaced lines were executed is proved by a file they leave. Without the mutation the same tests pass.

    python -m tests.faults.mutations [--only NAME]

runs them all on a stack of its own and writes this page. It takes nine minutes to half an hour, most of it tests that
wait a minute for what no longer comes. CI checks that every mutation still applies to the sources, that this page lists
exactly those there are and that their tests exist, and runs some of them.

| Mutation | What it breaks | Noticed by | What the first of them said |
|---|---|---|---|
"""

LEDGER = """
## What the ledger notices

The campaign of [faults](faults.md) counts by hand, without any code of the services, what must have come of every
interaction that was answered as accepted. That its ledger can be red is shown by running the whole system, five real
processes on a real Kafka and a real PostgreSQL, with a defect:

    python -m tests.faults.mutations_ledger [--only NAME]

Most others show only where two things happen in one of many possible orders; the tests above bring about that
order, a campaign of seconds need not.

| With the mutation | Under load, and | Differences | The first |
|---|---|---|---|
"""


def page(mutations: Sequence[Mutation], said: Mapping[str, str], found: Mapping[str, Found]) -> str:
    """The whole page. `said`: by mutation, what its first test said."""
    noticed = [
        f"| `{one.name}` | {one.breaks} | {_tests(one.tests)} | {_cell(said[one.name])} |\n" for one in mutations
    ]
    counted = [
        f"| `{name}` | {one['fault']} | {_counts(one['counts'])} | {_cell(one['first'])} |\n"
        for name, one in found.items()
    ]
    return HEAD + "".join(noticed) + LEDGER + "".join(counted)


def listed(text: str) -> list[str]:
    """The mutations a page lists as noticed by tests."""
    return _ROW.findall(text.partition(LEDGER.splitlines()[1])[0])


def remember(results: Path, name: str, result: str | Found | None) -> None:
    """Keep what came of a mutation, or forget it: nothing noticed it. The page is written when none is missing."""
    kept = _kept(results)
    kept.pop(name, None)
    if result is not None:
        kept[name] = result
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    said, found = _kept(SAID), _kept(FOUND)
    if all(one.name in said for one in MUTATIONS):
        PAGE.write_text(page(MUTATIONS, said, found), encoding="utf-8")


def _kept(results: Path) -> dict[str, Any]:
    return dict(json.loads(results.read_text(encoding="utf-8"))) if results.exists() else {}


def _tests(tests: Sequence[str]) -> str:
    """`file::test`, and of the same file only `::other`."""
    plain = [test.partition("[")[0].partition("::")[::2] for test in tests]
    names = []
    for file, group in groupby(plain, key=lambda one: one[0]):
        first, *others = [name for _, name in group]
        names += [f"`{file}::{first}`", *(f"`::{name}`" for name in others)]
    return ", ".join(names)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def _cell(text: str) -> str:
    """One line that breaks no table and says nothing about the machine."""
    shown = re.sub(r"0x[0-9a-f]+", "0x…", text).replace("`", "'").replace("|", "\\|")
    return f"`{shown[:_LONGEST] + '…' if len(shown) > _LONGEST else shown}`"
