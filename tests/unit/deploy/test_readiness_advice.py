"""What `ebbtide doctor` says to do about a service that is not ready follows its status, not its words."""

import pytest

from deploy.operation.checks.services import _way_out
from shared.observability.health import Kind
from tests.support.stack import ROOT


@pytest.mark.parametrize(
    ("kind", "section"), [(Kind.HALTED, "ebbtidepartitionhalted"), (Kind.STOPPED, "ebbtidestopped")]
)
def test_what_people_must_mend_is_explained_in_the_manual(kind: Kind, section: str) -> None:
    assert _way_out(kind, "postgresql and Kafka are mentioned", "log").endswith(f"docs/operations.md#{section}")
    headings = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").lower().splitlines()
    assert f"### {section}" in headings


def test_what_is_away_is_to_be_brought_back() -> None:
    assert _way_out(Kind.WAITING, "Kafka", "log").startswith("start Kafka")
    assert _way_out(Kind.WAITING, "postgresql: TimeoutError", "log").startswith("start PostgreSQL")
    assert _way_out(None, "a word about what is halted", "the log").endswith("more in the log")
