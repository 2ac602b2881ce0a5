"""Inactivity: days since the customer last did anything. Grows every second: no band, no transition."""

from datetime import datetime

from services.scoring.domain.entities import Inputs, KindScore, Model, Scorer

MODEL = Model(name="inactivity", version="1")
SECONDS_PER_DAY = 86_400


def evaluate(inputs: Inputs, now: datetime) -> KindScore:
    """Days since the last activity at `now`; does not apply (`no_activity`) to who never did anything."""
    last = inputs.last_activity_at
    if last is None:
        return {"value": None, "reason": "no_activity", "scale": "days", "model": MODEL, "as_of": now}
    days = (now - last).total_seconds() / SECONDS_PER_DAY if now > last else 0.0
    return {
        "value": days,
        "scale": "days",
        "contributions": ({"factor": "last_activity", "points": days, "evidence": f"days_since_activity={int(days)}"},),
        "model": MODEL,
        "as_of": now,
    }


def next_transition(inputs: Inputs, now: datetime) -> datetime | None:
    """None: without bands nothing changes at an instant."""
    return None


INACTIVITY = Scorer(evaluate, next_transition)
