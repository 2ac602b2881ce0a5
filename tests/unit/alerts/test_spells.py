"""When a condition held: the edges."""

from datetime import timedelta

import pytest

from services.alerts.domain.entities import History
from services.alerts.domain.spells import spells
from tests.support.builders import day
from tests.unit.alerts.histories import complained, purchased, rule, silences, stood

MICROSECOND = timedelta(microseconds=1)
COMPLAINT = rule(
    id="complaint", when={"event": "customer.complaint.opened", "until": "customer.complaint.resolved"}, severity="info"
)
ANSWER = rule(id="answer", when={"event": "customer.complaint.opened", "until": "customer.complaint.answered"})
HIGH = rule(id="high", when={"score": "churn_risk", "band": "high"}, severity="critical")


def test_a_customer_without_a_purchase_is_never_absent() -> None:
    """There is nothing to be silent since."""
    assert spells(rule(), purchased(), day(1000)) == ([], None)


def test_an_open_silence_fires_after_exactly_n_days() -> None:
    """Before that instant it is only foreseen."""
    history = purchased(day(0))
    assert spells(rule(), history, day(90) - MICROSECOND) == ([], day(90))
    (spell,), next_at = spells(rule(), history, day(90))
    assert (spell.since, spell.fired_at, spell.resolved_at, next_at) == (day(0), day(90), None, None)


def test_a_purchase_at_the_very_instant_is_no_spell() -> None:
    """Exactly N days is not more than N days."""
    assert spells(rule(), purchased(day(0), day(90)), day(91)) == ([], day(180))


def test_a_purchase_just_after_it_is_one() -> None:
    """It lasted a microsecond."""
    (spell,), _ = spells(rule(), purchased(day(0), day(90) + MICROSECOND), day(91))
    assert (spell.fired_at, spell.resolved_at) == (day(90), day(90) + MICROSECOND)


def test_every_closed_silence_is_a_spell_of_its_own() -> None:
    """What was missed meanwhile is found again."""
    found, next_at = spells(rule(), purchased(day(0), day(100), day(150), day(300)), day(310))
    assert [(spell.fired_at, spell.resolved_at) for spell in found] == [(day(90), day(100)), (day(240), day(300))]
    assert next_at == day(390)


def test_what_began_before_the_history_is_not_decided() -> None:
    """The cut is at the beginning, exactly."""
    purchases = (day(0), day(100), day(300))
    assert [s.since for s in spells(rule(), purchased(*purchases, since=day(0)), day(301))[0]] == [day(0), day(100)]
    assert [s.since for s in spells(rule(), purchased(*purchases, since=day(1)), day(301))[0]] == [day(100)]
    assert spells(rule(), purchased(day(0), since=day(1)), day(301)) == ([], None)


def test_grace_delays_notice_and_never_the_instant() -> None:
    """With two days of grace it is foreseen for day 92 and fired at day 90."""
    patient, history = rule(grace="2d"), purchased(day(0))
    assert spells(patient, history, day(91)) == ([], day(92))
    (spell,), _ = spells(patient, history, day(92))
    assert (spell.fired_at, spell.noticeable) == (day(90), True)


@pytest.mark.parametrize(("until", "noticeable"), [(91, False), (92, False), (92.01, True)])
def test_what_ended_within_its_grace_held_but_nobody_needs_to_know(until: float, noticeable: bool) -> None:
    """Whether it held at t does not depend on the grace."""
    (spell,), _ = spells(rule(grace="2d"), purchased(day(0), day(until)), day(100))
    assert (spell.fired_at, spell.resolved_at, spell.noticeable) == (day(90), day(until), noticeable)


def test_activity_and_purchases_are_two_things() -> None:
    """A rule about activity does not look at purchases."""
    quiet = rule(when={"absent": "activity", "longer_than": "30d"})
    history = History(
        since=day(-700), silences={"customer.purchase": silences([day(0)]), "activity": silences([day(0), day(50)])}
    )
    found, next_at = spells(quiet, history, day(60))
    assert [(spell.fired_at, spell.resolved_at, spell.facts["absent"]) for spell in found] == [
        (day(30), day(50), "activity")
    ]
    assert next_at == day(80)


def test_a_band_is_a_spell_from_its_first_instant() -> None:
    """Other bands are none of its business."""
    history = stood(("low", day(0), day(100)), ("high", day(100), day(120)), ("low", day(120), None))
    (spell,), next_at = spells(HIGH, history, day(130))
    assert (spell.fired_at, spell.resolved_at, next_at) == (day(100), day(120), None)


def test_a_complaint_fires_at_once_and_lasts_until_it_is_resolved() -> None:
    """An answer alone is not the end."""
    (spell,), _ = spells(COMPLAINT, complained(day(1), answered=day(2)), day(3))
    assert (spell.fired_at, spell.resolved_at) == (day(1), None)
    (spell,), _ = spells(COMPLAINT, complained(day(1), answered=day(2), resolved=day(4)), day(5))
    assert spell.resolved_at == day(4)


@pytest.mark.parametrize(
    ("answered", "resolved", "end"), [(2, None, 2), (2, 4, 2), (None, 4, 4), (5, 4, 4), (None, None, None)]
)
def test_a_complaint_awaiting_an_answer_ends_with_answer_or_resolution(
    answered: float | None, resolved: float | None, end: float | None
) -> None:
    """Whichever comes first."""
    at = {k: day(v) for k, v in {"answered": answered, "resolved": resolved}.items() if v is not None}
    (spell,), _ = spells(ANSWER, complained(day(1), **at), day(9))
    assert spell.resolved_at == (day(end) if end is not None else None)


def test_the_next_instant_is_the_earliest() -> None:
    """Several spells may be under way."""
    two = History(since=day(-700), complaints=complained(day(5)).complaints + complained(day(3)).complaints)
    assert spells(rule(id="c", when=COMPLAINT_WHEN, grace="4d"), two, day(6)) == ([], day(7))


COMPLAINT_WHEN = {"event": "customer.complaint.opened", "until": "customer.complaint.resolved"}
