"""Tokens of unsubscribe links, and the act as an interaction."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.entities import Contact
from services.notify.domain.unsubscribe import act_of, customer_of, token_for
from tests.support.builders import day

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


def test_an_act_is_the_same_however_often_it_is_repeated_and_another_after_a_new_consent() -> None:
    contact = Contact(customer_id=CUSTOMER, consent=True, consent_at=day(1), reference="shop:jo")
    first, second = act_of(contact, day(9)), act_of(contact, day(9) + timedelta(seconds=3))
    assert first is not None
    assert second is not None
    assert first["id"] == second["id"]
    assert (first["subject"], first["data"]) == ("shop:jo", {"channel": "email", "purpose": "marketing"})
    again = act_of(Contact(customer_id=CUSTOMER, consent=True, consent_at=day(20), reference="shop:jo"), day(30))
    assert again is not None
    assert again["id"] != first["id"]


def test_there_is_no_act_where_nobody_is_known_or_the_log_says_it_already() -> None:
    for contact in (
        None,
        Contact(customer_id=CUSTOMER),
        Contact(customer_id=CUSTOMER, consent=False, consent_at=day(1), reference="shop:jo"),
    ):
        assert act_of(contact, day(9)) is None
