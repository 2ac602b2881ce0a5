"""What the rarer types of interaction do to a customer: money back, complaints, surveys, identity, consent, owner.

An effect never raises on odd data: ingest validates, and what still cannot be read leaves the customer as it was.
Each is called with the instant of the interaction in UTC, in order.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.profiles.domain.entities import Anchor, Attribute, Case, Consent, Customer, Fact, Owner, Pii, Survey
from services.profiles.domain.history import add_complaint, add_survey

Effect = Callable[[Customer, Fact, datetime], None]

# Six decimals at most, so that str() of a sum never falls into scientific notation.
AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?").fullmatch
ZERO = Decimal(0)
# What JSON readers agree on; a larger whole number could not be read back.
LARGEST = 2**63 - 1


def amount_of(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Currency and amount (a plain decimal string, not negative) of an interaction, or None."""
    amount = data.get("amount")
    currency = data.get("currency")
    if type(amount) is str and type(currency) is str and currency and AMOUNT(amount):
        return currency, amount
    return None


def refunded(customer: Customer, fact: Fact, time: datetime) -> None:
    """Take the amount off the spend in its currency, which may fall below zero."""
    customer.aggregates.refunds += 1
    if money := amount_of(fact.data):
        currency, amount = money
        spend = customer.aggregates.spend
        spend[currency] = str(Decimal(spend.get(currency, ZERO)) - Decimal(amount))


def complained(customer: Customer, fact: Fact, time: datetime) -> None:
    """Open a case."""
    case: Case = {
        "anchor": _anchor(fact),
        "case": _case_number(fact),
        "opened_at": time,
        "answered_at": None,
        "resolved_at": None,
    }
    add_complaint(customer.history, case)
    _count_open(customer)


def answered(customer: Customer, fact: Fact, time: datetime) -> None:
    """Note the first answer to the open cases that are meant."""
    for case in _meant(customer, fact):
        if case["answered_at"] is None:
            case["answered_at"] = time


def resolved(customer: Customer, fact: Fact, time: datetime) -> None:
    """Close the open cases that are meant."""
    for case in _meant(customer, fact):
        case["resolved_at"] = time
    _count_open(customer)


def surveyed(customer: Customer, fact: Fact, time: datetime) -> None:
    """Keep an answer that has a kind and a score."""
    kind, score = fact.data.get("kind"), fact.data.get("score")
    if type(kind) is str and (type(score) is float or (type(score) is int and abs(score) <= LARGEST)):
        survey: Survey = {"anchor": _anchor(fact), "kind": kind, "score": float(score), "answered_at": time}
        add_survey(customer.history, survey)


def identified(customer: Customer, fact: Fact, time: datetime) -> None:
    """Store what was said, with who said it and when; the last word wins. Null says nothing."""
    source = fact.source
    for name, value in fact.data.items():
        if type(value) in (str, bool, float) or (type(value) is int and abs(value) <= LARGEST):
            customer.attributes[name] = Attribute(value, source, time)
            if name == "locale" and type(value) is str:
                customer.locale = value
            elif name == "zone" and type(value) is str:
                customer.zone = value
    said = {name: value for name, value in fact.pii.value.items() if value is not None} if fact.pii else {}
    if said:
        if customer.pii is None:
            customer.pii = Pii(value={})
        when = time.isoformat().replace("+00:00", "Z")
        for name, value in said.items():
            customer.pii.value[name] = {"value": value, "source": source, "time": when}


def consented(customer: Customer, fact: Fact, time: datetime) -> None:
    """Store the last word on a channel and purpose (marketing when none is given)."""
    channel, granted = fact.data.get("channel"), fact.data.get("granted")
    purpose = fact.data.get("purpose", "marketing")
    if type(channel) is str and type(purpose) is str and type(granted) is bool:
        customer.consent[f"{channel}:{purpose}"] = Consent(granted, fact.source, time)


def unsubscribed(customer: Customer, fact: Fact, time: datetime) -> None:
    """Withdraw the consent to marketing on the channel; without one e-mail is meant, where unsubscribe links are."""
    channel = fact.data.get("channel")
    key = f"{channel}:marketing" if type(channel) is str else "email:marketing"
    customer.consent[key] = Consent(False, fact.source, time)


def assigned(customer: Customer, fact: Fact, time: datetime) -> None:
    """Make a staff member the owner; who is it already stays so since then."""
    staff_id = fact.data.get("owner")
    if type(staff_id) is str and (customer.owner is None or customer.owner.staff_id != staff_id):
        customer.owner = Owner(staff_id, time)


def released(customer: Customer, fact: Fact, time: datetime) -> None:
    """Leave the customer without an owner."""
    customer.owner = None


def _anchor(fact: Fact) -> Anchor:
    return {"reference": fact.subject, "source": fact.source, "id": fact.id}


def _case_number(fact: Fact) -> str | None:
    number = fact.data.get("case")
    if type(number) is int:
        return str(number) if abs(number) <= LARGEST else None
    return number if type(number) is str else None


def _meant(customer: Customer, fact: Fact) -> list[Case]:
    """The open cases with the number that is given; without one, every open case that has none."""
    number = _case_number(fact)
    return [case for case in customer.history.complaints if case["resolved_at"] is None and case["case"] == number]


def _count_open(customer: Customer) -> None:
    customer.aggregates.open_complaints = sum(case["resolved_at"] is None for case in customer.history.complaints)


EFFECTS: dict[str, Effect] = {
    "customer.refund": refunded,
    "customer.complaint.opened": complained,
    "customer.complaint.answered": answered,
    "customer.complaint.resolved": resolved,
    "customer.survey.answered": surveyed,
    "customer.identified": identified,
    "customer.consent": consented,
    "customer.notification.unsubscribed": unsubscribed,
    "customer.owner.assigned": assigned,
    "customer.owner.released": released,
}
