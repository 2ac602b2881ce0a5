"""Which notifications an alert calls for, and to whom each goes."""

from services.alerts.domain.standstill import RULE_ID
from services.notify.domain.entities import Contact
from services.notify.domain.planning import (
    STANDSTILL,
    WAIT_FOR_MISSING_CONTACT,
    WAIT_FOR_NEWER_CONTACT,
    Planner,
    seconds_to_wait,
)
from shared.ids import notification_id_of

from .values import ALERT, CUSTOMER, NOW, STAFF, cause, contact

PLANNER = Planner(STAFF, notification_id_of)


def steps(known: Contact | None = None, **changes: object) -> list[tuple[str, str, str]]:
    planned = PLANNER.plan(cause(**changes), known, planned=(), told={}, now=NOW)
    return [(entry.transition, entry.step, entry.recipient) for entry in planned]


def test_a_firing_alert_is_told_to_owner_and_customer() -> None:
    """One notification per recipient in the alert's notify."""
    expected = [("fired", "owner", "staff:lin"), ("fired", "win_back", f"customer:{CUSTOMER}")]
    assert steps(contact(owner_id="lin")) == expected
    assert steps(contact(owner_id="lin"), notify=("owner",)) == expected[:1]
    assert steps(contact(owner_id="lin"), notify=()) == []


def test_an_alert_seen_only_when_it_was_over_still_has_all_its_steps() -> None:
    """Nothing is lost between two snapshots."""
    assert [step[:2] for step in steps(contact(), condition="resolved", closed_at=NOW)] == [
        ("fired", "owner"),
        ("fired", "win_back"),
        ("closed", "owner"),
    ]


def test_what_is_planned_is_not_planned_again() -> None:
    """A second snapshot of the same state adds nothing."""
    done = {("fired", "owner"), ("fired", "win_back")}
    assert PLANNER.plan(cause(), contact(), planned=done, told={}, now=NOW) == []


def test_who_was_told_of_the_firing_is_told_of_the_closing() -> None:
    """Also when the customer has another owner by then."""
    closing = PLANNER.plan(
        cause(condition="resolved", closed_at=NOW, notify=("owner",)),
        contact(owner_id="lin"),
        planned={("fired", "owner")},
        told={"owner": "staff:ada"},
        now=NOW,
    )
    assert [entry.recipient for entry in closing] == ["staff:ada"]
    assert closing[0].notification_id == notification_id_of(ALERT, "closed", "owner", "staff:ada", "email")


def test_the_owner_is_that_of_the_newer_of_profile_and_alert_else_the_default() -> None:
    """An alert that was decided on a newer profile than we have knows the owner better."""
    assert steps(contact(owner_id="lin"), notify=("owner",), owner="ada")[0][2] == "staff:lin"
    assert steps(contact(owner_id="lin", asked_version=4), notify=("owner",), owner="ada")[0][2] == "staff:ada"
    assert steps(None, notify=("owner",), owner="lin")[0][2] == "staff:lin"
    assert steps(None, notify=("owner",))[0][2] == "staff:ada"


def test_planning_waits_for_the_profile_the_alert_was_decided_on() -> None:
    """Long for a customer nobody has heard of, shortly for a newer state, for staff not at all."""
    assert seconds_to_wait(cause(), None) == WAIT_FOR_MISSING_CONTACT
    assert seconds_to_wait(cause(), contact(asked_version=4)) == WAIT_FOR_NEWER_CONTACT
    assert seconds_to_wait(cause(notify=("owner",)), contact(asked_version=4)) is None
    assert seconds_to_wait(cause(), contact()) is None


def test_the_language_is_the_recipients() -> None:
    """Staff as in the staff file, customers as in their profile, English else."""
    planned = PLANNER.plan(cause(), contact(owner_id="lin", locale="de-DE"), planned=(), told={}, now=NOW)
    assert [entry.locale for entry in planned] == ["zh-CN", "en"]
    planned = PLANNER.plan(cause(), contact(locale="zh_TW"), planned=(), told={}, now=NOW)
    assert [entry.locale for entry in planned] == ["en", "zh-CN"]


def test_the_alert_about_ebbtide_itself_has_letters_of_its_own() -> None:
    """It is raised under the rule id that alerts gives it."""
    assert STANDSTILL == RULE_ID
    told = PLANNER.plan(
        cause(rule_id=STANDSTILL, notify=("owner",), condition="resolved", closed_at=NOW),
        None,
        planned=(),
        told={},
        now=NOW,
    )
    assert [(entry.template, entry.recipient) for entry in told] == [
        ("standstill_fired", "staff:ada"),
        ("standstill_closed", "staff:ada"),
    ]
