"""Recency: days since the last purchase. Grows every second, so it has no band and no transition."""

from datetime import datetime

from services.scoring.domain.entities import Inputs, KindScore, Model, Scorer

MODEL = Model(name="recency", version="1")
SECONDS_PER_DAY = 86_400


def evaluate(inputs: Inputs, now: datetime) -> KindScore:
    """Days since the last purchase at `now`; does not apply (`no_purchase`) to who never bought."""
    last = inputs.last_purchase_at
    if last is None:
        return {"value": None, "reason": "no_purchase", "scale": "days", "model": MODEL, "as_of": now}
    days = (now - last).total_seconds() / SECONDS_PER_DAY if now > last else 0.0
    return {
        "value": days,
        "scale": "days",
        "contributions": ({"factor": "last_purchase", "points": days, "evidence": f"days_since_purchase={int(days)}"},),
        "model": MODEL,
        "as_of": now,
    }


def next_transition(inputs: Inputs, now: datetime) -> datetime | None:
    """None: without bands nothing changes at an instant."""
    return None


RECENCY = Scorer(evaluate, next_transition)
