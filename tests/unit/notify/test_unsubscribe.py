"""Tokens of unsubscribe links."""

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.unsubscribe import customer_of, token_for

from .values import CUSTOMER

SECRET = b"a-secret-for-tests-that-is-long-enough"


@given(st.uuids())
def test_a_token_stands_for_its_customer(customer_id: object) -> None:
    """Made and read with the same secret and purpose, it gives the customer; with another, nothing."""
    token = token_for(SECRET, str(customer_id))
    assert customer_of(SECRET, token) == str(customer_id)
    assert customer_of(b"another secret", token) is None
    assert customer_of(SECRET, token, "sms:marketing") is None


@given(st.integers(0, 63), st.sampled_from("ABCxyz019-_"))
def test_a_changed_token_is_refused(place: int, character: str) -> None:
    """Every character counts."""
    token = token_for(SECRET, CUSTOMER)
    forged = token[:place] + character + token[place + 1 :]
    assert forged == token or customer_of(SECRET, forged) is None


@given(st.text(max_size=80))
def test_nonsense_is_refused_quietly(text: str) -> None:
    """Whatever is put into the URL."""
    assert customer_of(SECRET, text) is None
