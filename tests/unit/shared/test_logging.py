"""What a log line carries, and what it never does."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.observability.logging import configure_logging


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_traceback_says_where_and_not_with_which_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Local variables hold what people are called."""
    configure_logging("tally", "INFO")

    def fail(name: str) -> None:
        raise ValueError(len(name))

    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        try:
            fail("王小明")
        except ValueError:
            log.exception("failed")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "failed"]
    for line in lines:
        assert line["service"] == "tally"
        assert line["exception"][0]["frames"][-1]["name"] == "fail"
        assert "王小明" not in json.dumps(line, ensure_ascii=False)
