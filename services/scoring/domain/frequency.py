"""Frequency: on how many distinct days (UTC) the customer has bought. Time alone does not change it."""

from datetime import datetime

from services.scoring.domain.entities import Inputs, KindScore, Model, Scorer

MODEL = Model(name="frequency", version="1")


def evaluate(inputs: Inputs, now: datetime) -> KindScore:
    """The number of purchase days: the first, and those the customer came back on. `no_purchase` without any."""
    days = inputs.purchase_days
    if days == 0:
        return {"value": None, "reason": "no_purchase", "scale": "count", "model": MODEL, "as_of": now}
    return {
        "value": float(days),
        "scale": "count",
        "contributions": (
            {"factor": "first_day", "points": 1.0, "evidence": f"purchases={inputs.purchases}"},
            {"factor": "repeat_days", "points": days - 1.0, "evidence": f"purchase_days={days}"},
        ),
        "model": MODEL,
        "as_of": now,
    }


def next_transition(inputs: Inputs, now: datetime) -> datetime | None:
    """None: time alone does not change it."""
    return None


FREQUENCY = Scorer(evaluate, next_transition)
