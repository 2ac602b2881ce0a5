"""The real stack, once for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.embedded import EmbeddedStack


@pytest.fixture(scope="session")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """Kafka and PostgreSQL on free ports. A test that stops or kills one starts it again."""
    with EmbeddedStack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a process may write its log."""
    return tmp_path / "process.log"
