"""Silence counts up to the last mark that is passed, and not a moment further."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Settled
from shared.pipeline.settled import MOST_MARKS, UNSETTLED, Passage, SettledClock
from tests.support.builders import day
from tests.support.clock import ManualClock


def mark(at: datetime, *next_offsets: int) -> Settled:
    return Settled(topic="profiles.v1", at=at, next_offsets=next_offsets)


def test_before_any_mark_is_passed_nothing_is_settled() -> None:
    passage = Passage()
    passage.learn(mark(day(1), 5, 5))
    assert not passage.move({0: 5, 1: 4})
    assert passage.passed_at == UNSETTLED
    assert SettledClock(ManualClock(day(1))).now() == UNSETTLED


def test_a_mark_is_passed_when_every_partition_is_done_up_to_it() -> None:
    passage = Passage()
    passage.learn(mark(day(1), 5, 0))
    passage.learn(mark(day(2), 5, 1))
    assert passage.move({0: 7})
    assert passage.passed_at == day(1)
    assert passage.is_waiting
    assert passage.move({0: 7, 1: 1})
    assert passage.passed_at == day(2)
    assert not passage.is_waiting


def test_under_a_steady_stream_the_latest_mark_that_is_passed_counts_though_newer_ones_never_are() -> None:
    passage = Passage()
    for step in range(100):
        passage.learn(mark(day(step), 1_000 * step))
        passage.move({0: 1_000 * (step - 3)})
    assert passage.passed_at == day(96)


def test_marks_of_a_topic_that_was_recreated_do_not_hold_up_those_of_the_new_one() -> None:
    passage = Passage()
    passage.learn(mark(day(1), 1_000_000))
    passage.learn(mark(day(2), 3))
    assert passage.move({0: 3})
    assert passage.passed_at == day(2)


def test_marks_that_come_late_or_twice_change_nothing() -> None:
    passage = Passage(day(5))
    for late in (mark(day(4), 0), mark(day(5), 0)):
        passage.learn(late)
    assert not passage.is_waiting
    passage.learn(mark(day(7), 9))
    passage.learn(mark(day(6), 1))
    assert not passage.move({0: 8})


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(0, 3_000))
def test_what_is_passed_was_marked_and_done_whatever_the_order(steps: list[int], done: int) -> None:
    passage, offset = Passage(), 0
    marks = []
    for number, step in enumerate(steps):
        offset += step
        marks.append(mark(day(number), offset))
        passage.learn(marks[-1])
    passage.move({0: done})
    expected = [one.at for one in marks if one.next_offsets[0] <= done]
    assert passage.passed_at == max(expected, default=UNSETTLED)


def test_a_long_backlog_keeps_few_marks_and_still_moves_step_by_step() -> None:
    passage = Passage()
    for step in range(10 * MOST_MARKS):
        passage.learn(mark(day(step), step))
    passed: set[datetime] = set()
    for done in range(0, 10 * MOST_MARKS, 100):
        passage.move({0: done})
        passed.add(passage.passed_at)
    assert len(passed) > 50
    passage.move({0: 10 * MOST_MARKS})
    assert passage.passed_at == day(10 * MOST_MARKS - 1)


def test_the_settled_never_runs_ahead_of_business_time() -> None:
    clock = ManualClock(day(3))
    settled = SettledClock(clock, settled_at=day(10))
    assert settled.now() == day(3)
    clock.move_to(day(20))
    assert settled.now() == day(10)
