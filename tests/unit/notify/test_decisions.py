"""Every reason not to send, and that there is always exactly one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.decisions import Decision, Drop, Hold, Send, Situation, decide
from services.notify.domain.reasons import DROPS, Reason

from .values import DAY, NOW, cause, contact, notification, win_back

OWNER = Situation(cause=cause(), contact=contact(), staff_known=True)
CUSTOMER = Situation(cause=cause(), contact=contact(), customer_sends=True)


def test_an_owner_who_is_known_is_told_of_a_fresh_alert() -> None:
    """Nothing of the customer's consent or address matters for staff."""
    assert decide(notification(), replace(OWNER, contact=None), NOW) == Send()


def test_a_customer_who_consented_is_written_to() -> None:
    """Switch on, consent given, address good, no win-back for 30 days."""
    assert decide(win_back(), replace(CUSTOMER, last_win_back_at=NOW - 30 * DAY), NOW) == Send()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_sends": False}, Reason.CUSTOMER_SENDS_OFF),
        ({"contact": None}, Reason.UNKNOWN_CUSTOMER),
        ({"contact": contact(status="merged")}, Reason.UNKNOWN_CUSTOMER),
        ({"contact": contact(status="erased")}, Reason.ERASED),
        ({"contact": contact(consent=None)}, Reason.NO_CONSENT),
        ({"contact": contact(consent=False)}, Reason.NO_CONSENT),
        ({"unsubscribed_at": NOW - DAY}, Reason.UNSUBSCRIBED),
        ({"contact": contact(address=None)}, Reason.NO_ADDRESS),
        ({"contact": contact(address="jo@example.com\r\nBcc: all@example.com")}, Reason.BAD_ADDRESS),
        ({"last_win_back_at": NOW - 29 * DAY}, Reason.FREQUENCY_CAP),
        ({"cause": cause(condition="resolved")}, Reason.RESOLVED),
        ({"cause": cause(condition="retracted")}, Reason.RETRACTED),
        ({"cause": cause(announce=False)}, Reason.NOT_ANNOUNCED),
    ],
)
def test_a_customer_is_not_written_to(changes: dict[str, Any], reason: Reason) -> None:
    """Each of these alone is enough, and is the reason that is kept."""
    assert decide(win_back(), replace(CUSTOMER, **changes), NOW) == Drop(reason)


def test_a_later_consent_outweighs_an_unsubscription() -> None:
    """The last word counts."""
    situation = replace(CUSTOMER, unsubscribed_at=NOW - 2 * DAY, contact=contact(consent_at=NOW - DAY))
    assert decide(win_back(), situation, NOW) == Send()


def test_an_owner_who_is_not_in_the_staff_file_is_unknown() -> None:
    """The drop is visible instead of the mail going to nobody."""
    assert decide(notification(), replace(OWNER, staff_known=False), NOW) == Drop(Reason.UNKNOWN_OWNER)


def test_a_cause_is_stale_after_exactly_seven_days() -> None:
    """An imported history must not mail thousands."""
    assert decide(notification(cause_at=NOW - 7 * DAY), OWNER, NOW) == Send()
    late = notification(cause_at=NOW - 7.001 * DAY)
    assert decide(late, OWNER, NOW) == Drop(Reason.STALE)
    assert decide(late, replace(OWNER, cause=cause(condition="resolved")), NOW) == Drop(Reason.STALE)


def test_an_alert_that_goes_on_under_another_id_is_still_told() -> None:
    """Its successor is not announced, so this is the only word of it; its closing is not one."""
    moved = cause(condition="retracted", succeeded_by="x")
    assert decide(notification(), replace(OWNER, cause=moved), NOW) == Send()
    closing = notification(transition="closed")
    assert decide(closing, replace(OWNER, cause=moved, firings=["sent"]), NOW) == Drop(Reason.HANDED_OVER)


@pytest.mark.parametrize(
    ("firings", "decision"),
    [
        (["sent"], Send()),
        (["unknown"], Send()),
        (["dropped", "sent"], Send()),
        (["planned"], Hold(Reason.AWAITING_FIRING)),
        (["sending"], Hold(Reason.AWAITING_FIRING)),
        (["held"], Hold(Reason.AWAITING_FIRING)),
        (["dropped"], Drop(Reason.NOT_TOLD)),
        (["failed"], Drop(Reason.NOT_TOLD)),
        ([], Drop(Reason.NOT_TOLD)),
    ],
)
def test_only_who_was_told_of_the_firing_is_told_of_the_closing(firings: list[Any], decision: Decision) -> None:
    """Told, or possibly told; while that is open, the closing waits."""
    situation = replace(OWNER, cause=cause(condition="resolved", closed_at=NOW - DAY), firings=firings)
    assert decide(notification(transition="closed"), situation, NOW) == decision


ANY_SITUATION = st.builds(
    Situation,
    cause=st.builds(
        cause,
        condition=st.sampled_from(["firing", "resolved", "retracted"]),
        announce=st.booleans(),
        succeeded_by=st.sampled_from([None, "x"]),
    ),
    contact=st.none()
    | st.builds(
        contact,
        status=st.sampled_from(["active", "merged", "erased"]),
        consent=st.sampled_from([None, True, False]),
        consent_at=st.sampled_from([None, NOW - DAY]),
        address=st.sampled_from([None, "", "nonsense", "a@b.example"]),
    ),
    firings=st.lists(
        st.sampled_from(["planned", "held", "sending", "sent", "dropped", "unknown", "failed"]), max_size=2
    ),
    staff_known=st.booleans(),
    customer_sends=st.booleans(),
    unsubscribed_at=st.sampled_from([None, NOW - 2 * DAY, NOW]),
    last_win_back_at=st.sampled_from([None, NOW - 31 * DAY, NOW - DAY, NOW + DAY]),
)


@given(
    situation=ANY_SITUATION,
    to_customer=st.booleans(),
    transition=st.sampled_from(["fired", "closed"]),
    days=st.integers(min_value=-1, max_value=9),
)
def test_there_is_always_exactly_one_answer(
    situation: Situation, to_customer: bool, transition: Any, days: int
) -> None:
    """Send, or one reason of the closed list; and nothing that the guards forbid is ever sent."""
    entry = (win_back if to_customer else notification)(transition=transition, cause_at=NOW - days * DAY)
    decision = decide(entry, situation, NOW)
    match decision:
        case Drop(reason):
            assert reason in DROPS
        case Hold(reason):
            assert reason is Reason.AWAITING_FIRING
        case Send():
            assert days <= 7
            known = situation.contact
            if to_customer:
                assert situation.customer_sends
                assert known is not None
                assert known.status == "active"
                assert known.consent
                assert situation.last_win_back_at is None or situation.last_win_back_at == NOW - 31 * DAY
            else:
                assert situation.staff_known
