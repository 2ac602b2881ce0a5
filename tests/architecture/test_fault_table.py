"""`docs/faults.md` cannot rot: every test and every row of the campaign it names is there, and what is missing has a
reason."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.named_tests import missing_tests
from tests.architecture.sources import ROOT, sources

PAGE = ROOT / "docs" / "faults.md"
HEADINGS = ["fault", "how it is brought about", "what must hold", "proof"]
# A row of `make faults`, by the name it prints.
_CAMPAIGN = re.compile(r"`campaign: ([^`]+)`")
_TEST = re.compile(r"`(?:tests/|::)[^`]+`")
_NOT_YET = re.compile(r"not yet: .{20,}")
# The plan has so many rows; whoever takes one out says so here.
FEWEST_ROWS = 48


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of the tables, without headings and dashes."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and not set(line) <= set("|-: ") and cells != HEADINGS:
            yield cells


def without_proof(text: str) -> list[str]:
    """Rows that name neither a test nor a row of the campaign, and do not say why not."""
    return [
        cells[0]
        for cells in rows(text)
        if len(cells) != len(HEADINGS) or not any(one.search(cells[-1]) for one in (_TEST, _CAMPAIGN, _NOT_YET))
    ]


def campaign_names() -> list[re.Pattern[str]]:
    """Every text in the code of the campaign; where it fills something in, anything may stand."""
    found = []
    for file in sources("tests/faults"):
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.escape(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [one.value if isinstance(one, ast.Constant) else None for one in node.values]
                if sum(len(one) for one in parts if isinstance(one, str)) >= 4:
                    found.append("".join(re.escape(one) if isinstance(one, str) else ".+" for one in parts))
    return [re.compile(one) for one in found]


def unknown_campaign_rows(text: str) -> list[str]:
    names = campaign_names()
    return [name for name in _CAMPAIGN.findall(text) if not any(one.fullmatch(name) for one in names)]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there(page: str) -> None:
    assert not missing_tests(page)


def test_every_row_of_the_campaign_that_the_page_names_is_there(page: str) -> None:
    assert not unknown_campaign_rows(page)


def test_every_fault_says_where_it_is_proven_or_why_it_is_not_yet(page: str) -> None:
    assert not without_proof(page)
    assert len(list(rows(page))) >= FEWEST_ROWS


def test_the_checks_see_what_is_wrong() -> None:
    table = "| fault | how it is brought about | what must hold | proof |\n|---|---|---|---|\n"
    good = "| a | b | c | `tests/architecture/test_fault_table.py::test_the_checks_see_what_is_wrong` |\n"
    assert not missing_tests(table + good)
    assert missing_tests(table + good.replace("see_what", "miss_what"))
    assert not without_proof(table + good + "| d | e | f | not yet: nobody has had a disk to fill for it |\n")
    assert without_proof(table + "| a | b | c | not yet |\n| d | e | f | surely |\n| g | h | `tests/x.py` |\n") == [
        "a",
        "d",
        "g",
    ]
    assert not unknown_campaign_rows("`campaign: kill -9 all five`")
    assert unknown_campaign_rows("`campaign: a fault that nobody wrote`")
