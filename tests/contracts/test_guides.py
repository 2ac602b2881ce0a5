"""What we tell people to do is there: both READMEs say the same, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest

from deploy.cli import create_app
from tests.support.stack import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
GUIDES = [ENGLISH, CHINESE, *sorted((ROOT / "docs").glob("*.md"))]


def code_blocks(path: Path) -> list[str]:
    return re.findall(r"^```.*?^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    """Everything but blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ .+$", prose(path), re.MULTILINE)


def links(path: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(path))


def anchor(heading: str) -> str:
    """As the usual renderers make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")


def test_both_readmes_hold_the_same_commands_and_the_same_figures() -> None:
    assert code_blocks(CHINESE) == code_blocks(ENGLISH)
    figures = r"[0-9][0-9,.]*[0-9]|`[^`]+`"
    assert sorted(re.findall(figures, prose(CHINESE))) == sorted(re.findall(figures, prose(ENGLISH)))


def test_both_readmes_have_the_same_sections_and_lead_to_the_same_pages() -> None:
    assert [one.count("#") for one in headings(CHINESE)] == [one.count("#") for one in headings(ENGLISH)]
    pages = [
        [one for one in links(path) if "README" not in one and "screenshots" not in one] for path in (ENGLISH, CHINESE)
    ]
    assert pages[0] == pages[1]
    assert links(ENGLISH)[0] == CHINESE.name
    assert links(CHINESE)[0] == ENGLISH.name


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_links_lead_somewhere(guide: Path) -> None:
    for link in links(guide):
        page, _, section = link.partition("#")
        if "://" in link:
            continue
        target = guide.parent / page if page else guide
        assert target.exists(), link
        assert not section or section in [anchor(one) for one in headings(target)], link


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_of_ours_exist(guide: Path) -> None:
    typed = "\n".join(block for block in code_blocks(guide) if block.startswith("```sh"))
    named = re.findall(r"(?:^|[ `/])(?:ebbtide|operator) ([a-z][a-z-]+)", typed, re.MULTILINE)
    named += re.findall(r"`ebbtide ([a-z][a-z-]+)", prose(guide))
    assert set(named) <= set(create_app())
