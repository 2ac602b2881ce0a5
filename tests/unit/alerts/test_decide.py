"""Spells against stored alerts."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.entities import Act, Sealed
from services.alerts.domain.lifecycle import Actor, acknowledge, close, snooze
from services.alerts.domain.rulings import Ruling
from tests.support.builders import day
from tests.unit.alerts.histories import Book, anchor, complained, facts_of, purchased, rule, stood


def kinds(decisions: list) -> list[tuple[str, str]]:  # type: ignore[type-arg]
    return [(decision.kind, decision.reason) for decision in decisions]


def test_a_silence_fires_and_a_purchase_resolves_it() -> None:
    """At the exact instants, whenever it was noticed."""
    book = Book()
    assert kinds(book.decide(purchased(day(0)), day(95))) == [("raise", "condition_held")]
    assert kinds(book.decide(purchased(day(0), day(100)), day(101))) == [("resolve", "condition_ended")]
    alert = book.one()
    assert (alert.fired_at, alert.resolved_at, alert.outcome) == (day(90), day(100), "retained")
    assert (alert.condition, alert.handling) == ("resolved", "closed")
    assert [(act.act, act.at) for act in alert.history] == [("fired", day(90)), ("resolved", day(100))]


def test_a_late_purchase_that_removes_the_spell_retracts_it() -> None:
    """It was a false alarm."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert kinds(book.decide(purchased(day(0), day(80)), day(92))) == [("retract", "spell_removed")]
    (alert,) = book.alerts.values()
    assert (alert.condition, alert.outcome, alert.succeeded_by) == ("retracted", "false_alarm", None)


def test_a_late_purchase_that_moves_the_start_hands_the_handling_over() -> None:
    """The promise goes on under the new id, and nobody is told twice."""
    book = Book()
    book.decide(purchased(day(0)), day(100))
    old = book.one()
    promised = acknowledge(old, Actor("ann", day(100), Sealed({"comment": "I call"})), day(110))
    book.alerts[old.alert_id] = promised  # type: ignore[assignment]
    decisions = book.decide(purchased(day(0), day(5)), day(101))
    assert sorted(kinds(decisions)) == [("raise", "start_moved"), ("retract", "start_moved")]
    new = book.one()
    assert (new.fired_at, new.handling, new.handled_until) == (day(95), "acknowledged", day(110))
    assert (new.announce, new.succeeds, new.outcome) == (False, old.alert_id, None)
    retracted = book.alerts[old.alert_id]
    assert (retracted.condition, retracted.succeeded_by, retracted.outcome) == ("retracted", new.alert_id, None)
    assert [(act.act, act.by) for act in new.history] == [
        ("fired", "ebbtide"), ("acknowledged", "ann"), ("amended", "ebbtide"),
    ]  # fmt: skip


def test_a_start_that_moves_twice_still_announces_nothing() -> None:
    """Those who know, know."""
    book = Book()
    book.decide(purchased(day(0)), day(100))
    book.decide(purchased(day(0), day(5)), day(101))
    book.decide(purchased(day(0), day(5), day(8)), day(102))
    assert book.one().announce is False
    assert len(book.alerts) == 3


def test_to_a_history_there_is_only_ever_added() -> None:
    """However often a start moves to and fro. What is taken over says from whom, and is there once."""
    book = Book()
    told: dict[str, tuple[Act, ...]] = {}
    for number in range(6):
        late = [day(5)] if number % 2 else []
        book.decide(purchased(day(0), *late), day(100 + number))
        for alert_id, alert in book.alerts.items():
            before = told.get(alert_id, ())
            assert alert.history[: len(before)] == before
            told[alert_id] = alert.history
    again = ["amended", "retracted"]
    first, second = book.alerts.values()
    own = {alert.alert_id: [act for act in alert.history if act.taken_over_from is None] for alert in (first, second)}
    assert [act.act for act in own[first.alert_id]] == ["fired", "retracted", *again, *again]
    assert [act.act for act in own[second.alert_id]] == [*again, *again, "amended"]
    for alert, other in ((first, second), (second, first)):
        taken = [replace(act, taken_over_from=None) for act in alert.history if act.taken_over_from == other.alert_id]
        assert taken == own[other.alert_id][: len(taken)]
        assert len(taken) + len(own[alert.alert_id]) == len(alert.history)


def test_a_start_that_moves_beyond_now_is_a_retraction_and_later_a_new_alarm() -> None:
    """Nothing holds in between."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert kinds(book.decide(purchased(day(0), day(5)), day(92))) == [("retract", "spell_removed")]
    assert kinds(book.decide(purchased(day(0), day(5)), day(95))) == [("raise", "condition_held")]
    assert book.one().announce is True


def test_a_late_purchase_that_moves_the_end_amends() -> None:
    """The alert ended earlier than was thought."""
    book = Book()
    book.decide(purchased(day(0), day(120)), day(121))
    assert kinds(book.decide(purchased(day(0), day(100), day(120)), day(122))) == [("amend", "end_moved")]
    assert book.one().resolved_at == day(100)


def test_an_end_that_disappears_opens_the_alert_again() -> None:
    """The purchase that ended it belonged to somebody else."""
    book = Book()
    book.decide(purchased(day(0), day(100)), day(101))
    assert kinds(book.decide(purchased(day(0)), day(102))) == [("amend", "end_removed")]
    alert = book.one()
    assert (alert.condition, alert.handling, alert.resolved_at, alert.outcome) == ("firing", "open", None, None)


def test_a_spell_that_comes_back_is_reinstated_under_its_id() -> None:
    """Merging and un-merging people may do that."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    book.decide(purchased(day(0), day(80)), day(92))
    assert kinds(book.decide(purchased(day(0)), day(93))) == [("reinstate", "spell_returned")]
    assert (book.one().condition, book.one().handling, book.one().outcome) == ("firing", "open", None)


def test_a_spell_that_ended_within_its_grace_is_recorded_and_announced_to_nobody() -> None:
    """So that open_at is exact whatever the grace."""
    book = Book(Ruling(rule(grace="3d"), "v1"))
    assert book.decide(purchased(day(0)), day(92)) == []
    assert kinds(book.decide(purchased(day(0), day(92)), day(92))) == [("raise", "ended_within_grace")]
    assert (book.one().condition, book.one().announce) == ("resolved", False)


def test_what_began_before_the_history_is_left_alone_until_its_end_shows() -> None:
    """A customer who stays away for three years and then buys is no alert any more."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert book.decide(purchased(day(0), since=day(10)), day(900)) == []
    assert kinds(book.decide(purchased(day(0), day(1000), since=day(270)), day(1000))) == [
        ("resolve", "condition_ended")
    ]
    assert book.one().resolved_at == day(1000)
    assert book.decide(purchased(day(1200), since=day(470)), day(1201)) == []
    assert book.one().condition == "resolved"


def test_what_people_closed_stays_closed_while_the_condition_goes_on_by_itself() -> None:
    """Their outcome is kept; the end is only recorded."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    alert = book.one()
    book.alerts[alert.alert_id] = close(alert, Actor("ann", day(92)), "churned")  # type: ignore[assignment]
    assert book.decide(purchased(day(0)), day(93)) == []
    assert (book.one().condition, book.one().handling) == ("firing", "closed")
    book.decide(purchased(day(0), day(100)), day(101))
    assert (book.one().condition, book.one().handling, book.one().outcome) == ("resolved", "closed", "churned")


def test_the_end_of_the_condition_ends_a_snooze() -> None:
    """There is nothing to come back to."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    alert = book.one()
    book.alerts[alert.alert_id] = snooze(alert, Actor("ann", day(92)), day(200))  # type: ignore[assignment]
    book.decide(purchased(day(0), day(100)), day(101))
    assert (book.one().handling, book.one().handled_until) == ("closed", None)


def test_a_new_owner_and_a_merge_amend_the_alert() -> None:
    """It is found under who is responsible now."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert kinds(book.decide(purchased(day(0)), day(92), owner="bob")) == [("amend", "owner_changed")]
    winner = "00000000-0000-5000-8000-000000000000"
    assert kinds(book.decide(purchased(day(0)), day(93), owner="bob", customer_id=winner)) == [
        ("amend", "customer_changed")
    ]
    assert (book.one().owner, book.one().customer_id) == ("bob", winner)


def test_erasing_a_customer_resolves_what_fires() -> None:
    """Without an outcome: nobody knows."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert kinds(book.decide(purchased(), day(92), status="erased")) == [("resolve", "customer_erased")]
    assert (book.one().resolved_at, book.one().outcome) == (day(92), None)


def test_a_resolved_complaint_says_nothing_about_staying() -> None:
    """Only activity and churn risk do."""
    when = {"event": "customer.complaint.opened", "until": "customer.complaint.resolved"}
    book = Book(Ruling(rule(id="c", when=when), "v1"))
    book.decide(complained(day(1), resolved=day(2)), day(3))
    assert (book.one().condition, book.one().outcome) == ("resolved", None)


def test_leaving_the_high_band_of_churn_risk_is_staying() -> None:
    """A purchase did it."""
    book = Book(Ruling(rule(id="h", when={"score": "churn_risk", "band": "high"}), "v1"))
    book.decide(stood(("high", day(1), None)), day(3))
    book.decide(stood(("high", day(1), day(4)), ("low", day(4), None)), day(5))
    assert (book.one().resolved_at, book.one().outcome) == (day(4), "retained")


def test_a_band_entered_twice_from_one_interaction_is_one_alert() -> None:
    """The last time counts, and deciding again changes nothing."""
    book = Book(Ruling(rule(id="h", when={"score": "churn_risk", "band": "high"}), "v1"))
    twice = stood(("high", day(1), day(2)), ("high", day(4), None))
    bands = tuple(replace(band, anchor=anchor("one")) for band in twice.bands["churn_risk"])
    book.decide(replace(twice, bands={"churn_risk": bands}), day(5))
    assert (book.one().fired_at, book.one().condition) == (day(4), "firing")


def test_a_late_event_that_moves_the_start_within_one_anchor_corrects_the_alert() -> None:
    """It is the same alert; nothing is handed over."""
    book = Book(Ruling(rule(id="h", when={"score": "churn_risk", "band": "high"}), "v1"))
    for since in (day(4), day(3)):
        once = stood(("high", since, None))
        bands = tuple(replace(band, anchor=anchor("one")) for band in once.bands["churn_risk"])
        decisions = book.decide(replace(once, bands={"churn_risk": bands}), day(5))
    assert kinds(decisions) == [("amend", "start_corrected")]
    assert (book.one().fired_at, book.one().succeeds) == (day(3), None)


def test_a_changed_rule_decides_open_alerts_again_and_raises_nothing_older_than_itself() -> None:
    """Neither closed alerts nor silences that were due under the new rule before it came are touched."""
    book = Book()
    book.decide(purchased(day(0), day(100), day(170)), day(261))
    closed, open_ = sorted(book.alerts.values(), key=lambda alert: alert.fired_at)
    assert (closed.condition, open_.condition) == ("resolved", "firing")
    shorter = rule(when={"absent": "customer.purchase", "longer_than": "60d"}, severity="critical")
    book.ruling = Ruling(shorter, "v2", since=day(262), versions=frozenset({"v2"}))
    assert kinds(book.decide(purchased(day(0), day(100), day(170)), day(263))) == [("amend", "rule_changed")]
    assert book.alerts[closed.alert_id] == closed
    changed = book.alerts[open_.alert_id]
    assert (changed.fired_at, changed.severity, changed.rules_version) == (day(230), "critical", "v2")
    assert len(book.alerts) == 2
    assert kinds(book.decide(purchased(day(0), day(100), day(170), day(265)), day(330))) == [
        ("resolve", "condition_ended"), ("raise", "condition_held"),
    ]  # fmt: skip


def test_a_rule_made_longer_takes_an_alert_back_until_it_holds_again() -> None:
    """That is no false alarm."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    longer = rule(when={"absent": "customer.purchase", "longer_than": "120d"})
    book.ruling = Ruling(longer, "v2", since=day(92), versions=frozenset({"v2"}))
    assert kinds(book.decide(purchased(day(0)), day(92))) == [("retract", "rule_changed")]
    assert next(iter(book.alerts.values())).outcome is None
    assert kinds(book.decide(purchased(day(0)), day(120))) == [("reinstate", "spell_returned")]
    assert book.one().fired_at == day(120)


instants = st.integers(0, 500 * 4).map(lambda quarter: day(quarter / 4))


@given(st.lists(instants, min_size=1, max_size=12, unique=True), st.data())
def test_any_order_and_batching_of_arrivals_ends_in_the_same_alerts(
    purchases: list[datetime], data: st.DataObject
) -> None:
    """However the purchases came in, the valid alerts equal one look at all of them."""
    arrivals = data.draw(st.permutations(purchases))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arrivals)), max_size=len(arrivals))))
    looks = sorted(data.draw(st.lists(st.integers(0, 700).map(day), min_size=len(cuts), max_size=len(cuts))))
    end = day(700)
    book, straight = Book(), Book()
    for cut, now in zip(cuts, looks, strict=True):
        book.decide(purchased(*arrivals[:cut]), now)
    book.decide(purchased(*purchases), end)
    straight.decide(purchased(*purchases), end)
    assert sorted(map(facts_of, book.valid().values())) == sorted(map(facts_of, straight.valid().values()))


@given(st.lists(instants, min_size=1, max_size=12), st.integers(0, 20), instants)
def test_open_at_is_exact_for_every_instant_before_the_grace(
    purchases: list[datetime], grace_days: int, t: datetime
) -> None:
    """An alert is open at t exactly when more than 90 days have passed since the last purchase up to t."""
    book = Book(Ruling(rule(grace=f"{grace_days}d"), "v1"))
    book.decide(purchased(*purchases), t + timedelta(days=grace_days))
    opened = [
        alert
        for alert in book.valid().values()
        if alert.fired_at < t and (alert.resolved_at is None or t < alert.resolved_at)
    ]
    last = max((one for one in purchases if one <= t), default=None)
    assert len(opened) == (last is not None and t - last > timedelta(days=90))


def test_the_anchor_of_an_alert_is_the_interaction_that_began_the_silence() -> None:
    """Its id survives everything that does not move the start."""
    book = Book()
    book.decide(purchased(day(0)), day(91))
    assert book.one().evidence.anchor == anchor(day(0).isoformat())
    assert book.one().evidence.facts == {"absent": "customer.purchase", "days": 90, "ordinal": 1}
    assert replace(book.one(), history=()).cause_version == 1
