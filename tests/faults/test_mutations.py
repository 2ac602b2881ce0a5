"""The list of mutations cannot rot: each applies, is on its page, names tests that exist, and some are run for real."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from deploy.stack.databases import SERVICES, create_databases
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from tests.faults.hooks.acting import Hooks
from tests.faults.hooks.edits import ROOT, DoesNotApplyError, Edit, apply, parse
from tests.faults.hooks.loading import STATEMENTS, changed, changed_statements
from tests.faults.hooks.mutation import Mutation
from tests.faults.hooks.points import POINTS
from tests.faults.mutations_listed import MUTATIONS, find
from tests.faults.mutations_runs import judge, on_stack
from tests.faults.mutations_table import PAGE, listed
from tests.support.stack import ROOT as PROJECT

# A second or two each, besides the start of a process.
RUN = ("watchdog-off", "rows-not-locked", "relay-deletes-before-acknowledgement")


def by_file(edits: list[Edit]) -> Mapping[str, list[Edit]]:
    found: dict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        found[edit.file].append(edit)
    return found


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_applies_to_the_sources_as_they_are(mutation: Mutation) -> None:
    """Beside the kill points as well; and where it can be seen that it was executed."""
    points = by_file([*POINTS.values(), STATEMENTS])
    for file, edits in by_file(list(mutation.edits)).items():
        assert (ROOT / file).is_file()
        if file.endswith(".py"):
            changed(edits[0].source(), [], edits, file)
            changed(edits[0].source(), points.get(file, []), edits, file)
        else:
            _, places = apply(edits[0].source(), edits)
            assert len(places) == len(edits)


def test_kill_points_apply_to_the_sources_as_they_are() -> None:
    for file, edits in by_file([*POINTS.values(), STATEMENTS]).items():
        text, _ = apply(edits[0].source(), edits)
        ast.parse(text, file)


def test_the_page_lists_the_mutations_there_are() -> None:
    """`python -m tests.faults.mutations` writes it."""
    assert listed(PAGE.read_text(encoding="utf-8")) == [one.name for one in MUTATIONS]
    assert max(Counter(one.name for one in MUTATIONS).values()) == 1


def test_the_tests_that_are_to_notice_exist() -> None:
    for mutation in MUTATIONS:
        assert mutation.tests
        for test in mutation.tests:
            file, _, name = test.partition("[")[0].partition("::")
            tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
            names = {getattr(node, "name", "") for node in ast.walk(tree)}
            assert name in names, f"{mutation.name}: {file} has no {name}"


@pytest.fixture
def lent(stack: EmbeddedStack | ExternalStack) -> Iterator[Mapping[str, str]]:
    """What a test run is told that uses our stack; it gives the services' roles other passwords."""
    yield on_stack(stack.kafka_bootstrap, stack.admin_dsn)
    ours = {service: urlsplit(stack.dsn(service)).password or "" for service in SERVICES}
    create_databases(stack.admin_dsn, {f"ebbtide_{service}": unquote(ours[service]) for service in SERVICES})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", RUN)
def test_a_mutation_is_noticed(name: str, lent: Mapping[str, str], tmp_path: Path) -> None:
    verdict = judge(find(name), tmp_path, lent)
    assert verdict.wrong is None, f"{verdict.wrong}\n{(tmp_path / 'output.txt').read_text(encoding='utf-8')}"
    assert verdict.said


@pytest.mark.timeout(300)
def test_a_mutation_that_nothing_notices_is_told(tmp_path: Path) -> None:
    """A test that passes with it has noticed nothing, one that does not exist neither."""
    blind = replace(find("watchdog-off"), tests=("tests/unit/shared/test_turns.py::test_nothing_makes_no_batch",))
    assert judge(blind, tmp_path, {}).wrong == "test_nothing_makes_no_batch passed"


EXAMPLE = "def f():\n    if a:\n        b()\n    return (\n        c\n    )\n\n\nx = 1\n"


@pytest.mark.parametrize(
    ("old", "new", "executed"),
    [
        ("if a:", "if False:", "__reached__()\n    if False:"),
        ("        b()\n", "        pass\n", "if a:\n        __reached__()\n        pass"),
        ("        c\n", "        d\n", "__reached__()\n    return d"),
        ("    if a:\n        b()\n", "", "__reached__()\n    return c"),
    ],
)
def test_what_was_changed_says_when_it_is_executed(old: str, new: str, executed: str) -> None:
    text, lines = apply(EXAMPLE, [Edit("x.py", old, new)])
    assert executed in ast.unparse(parse(text, lines, "x.py"))


@pytest.mark.parametrize(("old", "new"), [("gone", "x"), ("    ", "\t"), ("x = 1", "x = 2")])
def test_what_does_not_apply_or_would_prove_nothing_is_refused(old: str, new: str) -> None:
    """A piece that is not there, or twice, and what is executed when a module is loaded."""
    with pytest.raises(DoesNotApplyError):
        changed(EXAMPLE, [], [Edit("x.py", old, new)], "x.py")


def test_a_changed_statement_says_when_it_is_taken(tmp_path: Path) -> None:
    edit = Edit("shared/pipeline/sql/queries.sql", "limit $1) as due", "limit 1) as due")
    found = {"list_due": "select 1 from (select 2 limit $1) as due", "other": "select 3"}
    after = changed_statements(ROOT / edit.file, found, [edit], Hooks(tmp_path, ""))
    assert after["other"] == "select 3"
    assert not (tmp_path / "reached").exists()
    assert after["list_due"] == "select 1 from (select 2 limit 1) as due"
    assert (tmp_path / "reached").exists()
