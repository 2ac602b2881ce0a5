"""Monetary: what the customer has spent, refunds taken off, in the customer's main currency.

Without exchange rates, amounts of different currencies do not add up: the value is the largest amount (the first code
in the alphabet where two are equal), and the evidence says how many other currencies were left out.
"""

from datetime import datetime
from decimal import Decimal

from services.scoring.domain.entities import Inputs, KindScore, Model, Scorer

MODEL = Model(name="monetary", version="1")


def evaluate(inputs: Inputs, now: datetime) -> KindScore:
    """Spend in the main currency; does not apply without a purchase (`no_purchase`) or any amount (`no_amount`).

    `value` is a float for ranking; the evidence holds the exact decimal.
    """
    if not inputs.spend:
        reason = "no_amount" if inputs.purchases else "no_purchase"
        return {"value": None, "reason": reason, "scale": "money", "model": MODEL, "as_of": now}
    currency = main_currency(inputs.spend)
    amount = inputs.spend[currency]
    others = len(inputs.spend) - 1
    evidence = f"{currency}={amount} other_currencies={others}" if others else f"{currency}={amount}"
    return {
        "value": float(amount),
        "scale": "money",
        "contributions": ({"factor": "spend", "points": float(amount), "evidence": evidence},),
        "model": MODEL,
        "as_of": now,
    }


def main_currency(spend: dict[str, str]) -> str:
    """The currency with the largest amount; `spend` has at least one."""
    if len(spend) == 1:
        return next(iter(spend))
    return min(spend, key=lambda currency: (-Decimal(spend[currency]), currency))


def next_transition(inputs: Inputs, now: datetime) -> datetime | None:
    """None: time alone does not change it."""
    return None


MONETARY = Scorer(evaluate, next_transition)
