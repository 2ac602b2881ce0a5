"""What follows from an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.attempts import (
    ATTEMPT_SECONDS,
    LEASE_SECONDS,
    Attempt,
    GiveUp,
    Outcome,
    Retry,
    Sent,
    Trial,
    Unknown,
    Verdict,
    judge,
)
from services.notify.domain.reasons import Reason

STAFF = Trial(to_customer=False, attempts=1, age_seconds=1)
CUSTOMER = Trial(to_customer=True, attempts=1, age_seconds=1)
MAYBE = Trial(to_customer=False, attempts=2, age_seconds=60, uncertain=True)
OLD = Trial(to_customer=True, attempts=9, age_seconds=24 * 3600)


@pytest.mark.parametrize(
    ("outcome", "trial", "verdict"),
    [
        (Outcome.DELIVERED, CUSTOMER, Sent()),
        (Outcome.DELIVERED, MAYBE, Sent()),
        (Outcome.REFUSED_FOR_NOW, CUSTOMER, Retry(5, False)),
        (Outcome.UNREACHABLE, STAFF, Retry(5, False)),
        (Outcome.REFUSED, STAFF, GiveUp(Reason.REFUSED)),
        (Outcome.TEMPLATE_ERROR, CUSTOMER, GiveUp(Reason.TEMPLATE_ERROR)),
        (Outcome.UNREACHABLE, OLD, GiveUp(Reason.EXPIRED)),
        (Outcome.UNCERTAIN, CUSTOMER, Unknown()),
        (Outcome.UNCERTAIN, STAFF, Retry(5, True)),
        (Outcome.REFUSED, MAYBE, Unknown()),
        (Outcome.UNREACHABLE, MAYBE, Retry(30, True)),
    ],
)
def test_an_attempt_is_judged(outcome: Outcome, trial: Trial, verdict: Verdict) -> None:
    """Refusals for now come back, final ones do not; what may have arrived is never called failed."""
    assert judge(Attempt(outcome), trial) == verdict


@given(st.sampled_from(Outcome), st.integers(1, 50), st.floats(0, 1e7), st.booleans())
def test_a_customer_is_never_written_to_again_after_what_may_have_arrived(
    outcome: Outcome, attempts: int, age: float, uncertain: bool
) -> None:
    """The opposite of what holds for staff."""
    verdict = judge(Attempt(outcome), Trial(to_customer=True, attempts=attempts, age_seconds=age, uncertain=uncertain))
    if uncertain or outcome is Outcome.UNCERTAIN:
        assert not isinstance(verdict, Retry | GiveUp)


def test_a_lease_outlives_its_attempt() -> None:
    """Or a slow server would get everything twice."""
    assert ATTEMPT_SECONDS < LEASE_SECONDS
