"""What a log line carries, and what it never does."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.observability.logging import REPEAT_SECONDS, Repeats, configure_logging


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


def complaint(at: float, text: str = "Unable connect to node %s", logger: str = "aiokafka.conn") -> logging.LogRecord:
    record = logging.LogRecord(logger, logging.ERROR, __file__, 1, text, (at,), None)
    record.created = at
    return record


def test_what_a_library_says_again_and_again_is_said_every_ten_seconds_with_how_often() -> None:
    repeats, begin = Repeats("aiokafka"), 1_000_000.0
    first, *more = [complaint(begin + tenths / 10) for tenths in range(100)]
    assert repeats.filter(first)
    assert not any(map(repeats.filter, more))
    later = complaint(begin + REPEAT_SECONDS)
    assert repeats.filter(later)
    assert later.getMessage() == f"Unable connect to node {begin + REPEAT_SECONDS} (and 99 more like it)"
    assert not repeats.filter(complaint(begin + REPEAT_SECONDS + 1))


def test_another_complaint_another_logger_and_what_others_say_are_not_held_back() -> None:
    repeats = Repeats("aiokafka")
    assert all(
        repeats.filter(one)
        for one in (complaint(1e6), complaint(1e6, "other %s"), complaint(1e6, logger="aiokafka.producer"))
    )
    assert all(repeats.filter(complaint(1e6, logger="shared.kafka")) for _ in range(3))


def test_a_clock_that_is_set_back_keeps_nobody_silent() -> None:
    repeats = Repeats("aiokafka")
    assert repeats.filter(complaint(1e6))
    assert repeats.filter(complaint(1e6 - 3_600))


def test_the_service_holds_them_back(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("tally", "INFO")
    for _ in range(5):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s", 1)
    assert len(capsys.readouterr().out.splitlines()) == 1
