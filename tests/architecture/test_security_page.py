"""docs/security.md proves what it says: every row names a test, and every test is there."""

from pathlib import Path

from tests.architecture.named_tests import missing_tests, named_tests, rows_without_tests
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "security.md"
# Of the table of what is done: what, how, and the tests.
_TESTS = 2


def promises() -> str:
    """The part of the page that says what is done; lines above it stay, so that numbers fit."""
    text = PAGE.read_text(encoding="utf-8")
    before, heading, rest = text.partition("## What is done")
    return "\n" * (before + heading).count("\n") + rest.partition("\n## ")[0]


def test_every_promise_names_a_test_that_exists() -> None:
    assert len(list(named_tests(promises()))) > 60
    assert not missing_tests(PAGE.read_text(encoding="utf-8"))
    assert not rows_without_tests(promises(), _TESTS)


def test_the_check_sees_a_test_that_is_gone_and_a_row_without_one(tmp_path: Path) -> None:
    there = tmp_path / "tests" / "unit" / "test_there.py"
    there.parent.mkdir(parents=True)
    there.write_text("async def test_one() -> None: ...\ndef helper() -> None: ...\n")
    page = (
        "| what | how | tests |\n|---|---|---|\n"
        "| a | b | `tests/unit/test_there.py::test_one`, `::test_two` |\n"
        "| c | d | `tests/unit/test_gone.py` |\n"
        "| e | f | `tests/unit/test_there.py::helper` |\n"
        "| g | h `\\|` i | nothing yet |\n"
    )
    assert missing_tests(page, tmp_path) == [
        "line 3: tests/unit/test_there.py has no test_two",
        "line 4: there is no tests/unit/test_gone.py",
        "line 5: tests/unit/test_there.py has no helper",
    ]
    assert rows_without_tests(page, _TESTS) == ["line 6: g names no test"]
