"""Acts of people, and what becomes of promises."""

import pytest

from services.alerts.domain.entities import Alert, Sealed
from services.alerts.domain.lifecycle import (
    MOST_COMMENTS,
    Actor,
    Refusal,
    acknowledge,
    close,
    comment,
    reopen_due,
    snooze,
)
from tests.support.builders import day
from tests.unit.alerts.histories import Book, purchased

ANN = Actor("ann", day(92), Sealed({"comment": "on it"}))


@pytest.fixture
def firing() -> Alert:
    book = Book()
    book.decide(purchased(day(0)), day(91))
    return book.one()


def done(after: Alert | Refusal | None) -> Alert:
    assert isinstance(after, Alert)
    return after


def code(after: Alert | Refusal) -> str:
    assert isinstance(after, Refusal)
    return after.code


def test_a_promise_is_recorded_with_who_when_and_until(firing: Alert) -> None:
    """And with what they wrote, sealed."""
    alert = done(acknowledge(firing, ANN, day(95)))
    act = alert.history[-1]
    assert (alert.handling, alert.handled_until) == ("acknowledged", day(95))
    assert (act.act, act.by, act.at, act.until, act.pii) == (
        "acknowledged", "ann", day(92), day(95), Sealed({"comment": "on it"}),
    )  # fmt: skip


def test_a_broken_promise_opens_the_alert_again_at_the_promised_time(firing: Alert) -> None:
    """However late it was noticed."""
    alert = done(acknowledge(firing, ANN, day(95)))
    assert reopen_due(alert, day(94)) is None
    again = done(reopen_due(alert, day(99)))
    assert (again.handling, again.handled_until) == ("open", None)
    assert (again.history[-1].act, again.history[-1].at, again.history[-1].reason) == (
        "reopened", day(95), "promise_passed",
    )  # fmt: skip
    assert reopen_due(again, day(99)) is None


def test_a_snooze_ends(firing: Alert) -> None:
    """With its own reason."""
    again = done(reopen_due(done(snooze(firing, ANN, day(95))), day(95)))
    assert again.history[-1].reason == "snooze_over"


def test_a_promise_may_be_renewed(firing: Alert) -> None:
    """The later one counts."""
    alert = done(acknowledge(done(acknowledge(firing, ANN, day(95))), ANN, day(97)))
    assert alert.handled_until == day(97)


def test_acts_that_make_no_sense_are_refused_with_a_code(firing: Alert) -> None:
    """Closed stays closed, over is over, and the past cannot be promised."""
    closed = done(close(firing, ANN, "churned"))
    assert (closed.handling, closed.outcome) == ("closed", "churned")
    assert code(close(closed, ANN, None)) == "already_closed"
    assert code(acknowledge(closed, ANN, day(99))) == "already_closed"
    assert code(acknowledge(firing, ANN, day(92))) == "until_passed"
    book = Book()
    book.decide(purchased(day(0), day(91)), day(91))
    assert code(snooze(book.one(), ANN, day(99))) == "condition_ended"


def test_a_comment_changes_nothing_but_the_story(firing: Alert) -> None:
    """Also of what is closed, and until there are too many."""
    for alert in (firing, done(close(firing, ANN, "retained"))):
        said = done(comment(alert, ANN))
        assert (said.condition, said.handling, said.outcome) == (alert.condition, alert.handling, alert.outcome)
        assert (said.history[-1].act, said.history[-1].by, said.history[-1].pii) == ("commented", "ann", ANN.comment)
        assert said.history[:-1] == alert.history
    for _ in range(MOST_COMMENTS):
        firing = done(comment(firing, ANN))
    assert code(comment(firing, ANN)) == "too_many_comments"
    assert done(acknowledge(firing, ANN, day(95))).handling == "acknowledged"
