"""An absence is known up to what is settled; what arrived is known at once."""

from services.alerts.domain.rulings import Ruling
from tests.support.builders import day
from tests.unit.alerts.histories import Book, complained, purchased, rule, stood
from tests.unit.alerts.test_decide import kinds

SETTLED = day(80)


def test_a_silence_that_is_not_settled_yet_raises_nothing_and_raises_at_its_exact_instant_once_it_is() -> None:
    book = Book(settled_at=SETTLED)
    assert book.decide(purchased(day(0)), day(95)) == []
    book.settled_at = day(91)
    assert kinds(book.decide(purchased(day(0)), day(95))) == [("raise", "condition_held")]
    assert book.one().fired_at == day(90)


def test_a_purchase_that_was_under_way_leaves_no_trace_of_an_alarm() -> None:
    """Without the settled clock this customer had been alarmed about at day 90, and the alarm retracted."""
    book = Book(settled_at=SETTLED)
    book.decide(purchased(day(0)), day(95))
    book.settled_at = day(95)
    assert book.decide(purchased(day(0), day(89)), day(96)) == []
    assert book.alerts == {}


def test_a_silence_that_has_ended_is_a_fact_whatever_is_settled() -> None:
    book = Book(settled_at=day(5))
    assert kinds(book.decide(purchased(day(0), day(100)), day(101))) == [("raise", "condition_held")]
    assert (book.one().fired_at, book.one().resolved_at) == (day(90), day(100))


def test_what_a_customer_did_last_settles_what_was_before_it_for_them() -> None:
    """A visit says that they have not bought until then."""
    book = Book(settled_at=SETTLED)
    decisions = book.decide(purchased(day(0)), day(95), newest_at=day(92))
    assert kinds(decisions) == [("raise", "condition_held")]


def test_a_complaint_is_raised_at_once() -> None:
    complaint = rule(
        id="complaint", when={"event": "customer.complaint.opened", "until": "customer.complaint.resolved"}
    )
    book = Book(Ruling(complaint, "v1", versions=frozenset({"v1"})), settled_at=SETTLED)
    assert kinds(book.decide(complained(day(95)), day(95), newest_at=day(95))) == [("raise", "condition_held")]


def test_a_band_that_scoring_announced_is_raised_at_once_and_its_grace_waits_for_what_is_settled() -> None:
    high = {"id": "risk", "when": {"score": "churn_risk", "band": "high"}}
    at_once = Book(Ruling(rule(**high), "v1", versions=frozenset({"v1"})), settled_at=SETTLED)
    history = stood(("high", day(90), None))
    assert kinds(at_once.decide(history, day(95), newest_at=day(90))) == [("raise", "condition_held")]
    patient = Book(Ruling(rule(**high, grace="3d"), "v1", versions=frozenset({"v1"})), settled_at=SETTLED)
    assert patient.decide(history, day(95), newest_at=day(90)) == []
    patient.settled_at = day(93)
    assert kinds(patient.decide(history, day(95), newest_at=day(90))) == [("raise", "condition_held")]


def test_an_emitters_clock_that_runs_ahead_does_not_bring_the_future_about() -> None:
    book = Book(settled_at=SETTLED)
    assert book.decide(purchased(day(0)), day(89), newest_at=day(91)) == []
