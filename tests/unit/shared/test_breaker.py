"""When so much cannot be handled that setting it aside would help nobody."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.errors import DeadReason, StoppedError
from shared.pipeline.breaker import MOST_CULPRITS, Breaker
from shared.pipeline.decoding import dead_letter
from shared.pipeline.records import Batch, DeadLetter, Span


def batch(records: int, *, rerun: bool = False) -> Batch:
    found: Any = [ConsumerRecord("t", 3, offset, 0, 0, b"k", b"v", None, 1, 1, ()) for offset in range(records)]
    return Batch(Span(0, rerun, [], size=records, oldest_at=0.0), found, [], [])


def dead(of: Batch, count: int, reason: DeadReason = DeadReason.HANDLER_FAILED) -> list[DeadLetter]:
    return [dead_letter(one, reason, "KeyError at services.x:7") for one in of.records[:count]]


def stops(breaker: Breaker, records: int, count: int, *, rerun: bool = False, **more: Any) -> bool:
    """Whether it would stop; what it lets through is remembered as stored."""
    one = batch(records, rerun=rerun)
    try:
        breaker.check(one, dead(one, count), **more)
    except StoppedError:
        return True
    breaker.remember(one, count)
    return False


@pytest.mark.parametrize(
    ("records", "count", "stop"),
    [(20, 11, True), (20, 10, False), (19, 19, False), (10_000, 5_001, True), (10_000, 40, False), (1, 1, False)],
)
def test_it_stops_at_more_than_half_of_enough_records(records: int, count: int, stop: bool) -> None:
    assert stops(Breaker(foreign=False), records, count) is stop


def test_records_that_come_one_by_one_are_counted_together() -> None:
    """After a good batch, however large, about as many bad ones pass as make half of the last few."""
    breaker = Breaker(foreign=False)
    assert not stops(breaker, 10_000, 0)
    assert [stops(breaker, 1, 1) for _ in range(12)] == [False] * 10 + [True] * 2


def test_a_large_batch_with_few_dead_letters_does_not_make_it_jumpy() -> None:
    breaker = Breaker(foreign=False)
    assert not stops(breaker, 10_000, 40)
    assert not stops(breaker, 5, 5)


def test_good_records_in_between_are_forgotten_after_a_while() -> None:
    breaker = Breaker(foreign=False)
    for _ in range(10):
        assert not stops(breaker, 1, 1)
        assert not stops(breaker, 1, 0)
    assert stops(breaker, 1, 1)


def test_records_met_again_are_judged_by_themselves() -> None:
    """Each rebalance reads the last record of a partition again; a bad one must not count each time."""
    breaker = Breaker(foreign=False)
    assert not any(stops(breaker, 1, 1, rerun=True) for _ in range(100))
    assert stops(breaker, 30, 30, rerun=True)


def test_too_many_culprits_at_once_are_no_accident_of_theirs() -> None:
    assert not stops(Breaker(foreign=False), 10_000, 60, culprits=MOST_CULPRITS)
    assert stops(Breaker(foreign=False), 10_000, 60, culprits=MOST_CULPRITS + 1)


def test_what_others_write_stops_it_only_when_nothing_works_at_all() -> None:
    assert not stops(Breaker(foreign=True), 10_000, 9_999, culprits=9_999)
    assert stops(Breaker(foreign=True), 20, 20, culprits=20)
    assert not stops(Breaker(foreign=True), 19, 19, culprits=19)


def test_an_operator_may_switch_it_off() -> None:
    assert not stops(Breaker(foreign=False, enabled=False), 30, 30, culprits=MOST_CULPRITS + 1)


def test_the_reason_names_the_first_and_quotes_nothing() -> None:
    """What decoding says may quote the record; kind and place of a failure cannot."""
    one = batch(30)
    letters = [*dead(one, 1), *dead(one, 30, DeadReason.WRONG_SHAPE)[1:]]
    with pytest.raises(StoppedError) as raised:
        Breaker(foreign=False).check(one, letters)
    assert str(raised.value) == (
        "30 of 30 records cannot be handled, first partition 3 offset 0 (KeyError at services.x:7), "
        "partition 3 offset 1 (wrong_shape), partition 3 offset 2 (wrong_shape)"
    )
