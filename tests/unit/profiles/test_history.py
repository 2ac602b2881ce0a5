"""What of the past is kept, and where it is cut."""

from services.profiles.domain.profiles import apply, settle
from tests.unit.profiles.facts import MOMENT, at, customer, policy, purchase, told


def test_history_begins_at_the_first_interaction_until_it_is_cut_24_months_before_the_newest() -> None:
    assert customer(told("visit", 0), told("visit", 730)).history.since == at(0)
    assert customer(told("visit", 0), told("visit", 731)).history.since == at(1)


def test_the_passing_of_time_alone_cuts_nothing() -> None:
    state = customer(purchase(0), purchase(10), now=10)
    settle(state, policy(), at(2000))
    assert len(state.history.purchase_gaps) == 1
    assert state.history.since == at(0)


def test_an_entry_leaves_when_it_ended_before_the_cut_not_when_it_began_before() -> None:
    facts = [purchase(0), purchase(10), purchase(30)]
    assert len(customer(*facts, told("visit", 740)).history.purchase_gaps) == 2
    assert len(customer(*facts, told("visit", 740.1)).history.purchase_gaps) == 1
    (gap,) = customer(purchase(0), purchase(900)).history.purchase_gaps
    assert (gap.since, gap.until) == (at(0), at(900))


def test_an_open_complaint_stays_until_it_is_resolved() -> None:
    facts = [told("complaint.opened", 0, case="A"), told("visit", 900)]
    assert customer(*facts).aggregates.open_complaints == 1
    state = customer(*facts, told("complaint.resolved", 901, case="A"))
    assert (len(state.history.complaints), state.aggregates.open_complaints) == (1, 0)
    assert (
        customer(told("complaint.opened", 0), told("complaint.resolved", 1), told("visit", 900)).history.complaints
        == []
    )


def test_the_lifecycle_in_force_at_the_cut_stays_listed() -> None:
    visits = [told("visit", day) for day in range(0, 1000, 50)]
    state = customer(purchase(0), *visits, now=1000)
    assert [(c["lifecycle"], c["since"]) for c in state.history.lifecycle] == [("churned", at(180))]
    assert (state.lifecycle, state.lifecycle_since) == ("churned", at(180))


def test_beyond_200_entries_of_a_kind_the_history_begins_just_after_the_newest_one_dropped() -> None:
    surveys = [told("survey.answered", day, kind="nps", score=1) for day in range(203)]
    state = customer(*surveys)
    assert len(state.history.surveys) == 200
    assert state.history.since == at(2) + MOMENT
    complaints = [told("complaint.opened", day) for day in range(203)]
    state = customer(*complaints)
    assert (len(state.history.complaints), state.aggregates.open_complaints) == (200, 200)
    assert state.history.since == at(2) + MOMENT


def test_cutting_step_by_step_equals_cutting_once() -> None:
    facts = [purchase(day, id=f"{day:04}") for day in range(0, 2000, 9)]
    state = customer(facts[0])
    for fact in facts[1:]:
        apply(state, [fact], policy(), fact.time)
    assert state == customer(*facts, now=1998)
    assert len(state.history.purchase_gaps) <= 200
