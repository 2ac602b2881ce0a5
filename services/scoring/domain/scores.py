"""The kinds of score there are, and all of them together for one customer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, TypedDict

from services.scoring.domain import churn_risk
from services.scoring.domain.churn_risk import BASELINE
from services.scoring.domain.entities import Anchor, Inputs, PurchaseGap, Score, Scorer
from services.scoring.domain.frequency import FREQUENCY
from services.scoring.domain.inactivity import INACTIVITY
from services.scoring.domain.monetary import MONETARY
from services.scoring.domain.recency import RECENCY

KINDS: Mapping[str, Scorer] = {
    "churn_risk": BASELINE,
    "recency": RECENCY,
    "frequency": FREQUENCY,
    "monetary": MONETARY,
    "inactivity": INACTIVITY,
}

BANDS: Mapping[str, tuple[str, ...]] = {"churn_risk": ("low", "medium", "high")}
"""The bands of each kind that has them, mildest first."""

SHORTEST_GAP = churn_risk.SHORTEST_GAP
"""Gaps between purchases shorter than this move no band of any model, so inputs need not keep them."""


def score(inputs: Inputs, now: datetime, *, profile_version: int) -> Score:
    """All scores at `now`. Who was merged away or erased has none."""
    kinds = {name: scorer.evaluate(inputs, now) for name, scorer in KINDS.items()} if inputs.status == "active" else {}
    transitions = [at for kind in kinds.values() if (at := kind.get("next_transition_at")) is not None]
    return {
        "customer_id": inputs.customer_id,
        "status": inputs.status,
        "profile_version": profile_version,
        "lifecycle": inputs.lifecycle,
        "value_tier": inputs.value_tier,
        "behaviour": inputs.behaviour,
        "segments": inputs.segments,
        "owner": inputs.owner,
        "history_since": inputs.history_since,
        "kinds": kinds,
        "next_transition_at": min(transitions, default=None),
    }


def after_purchase(inputs: Inputs, now: datetime) -> Inputs:
    """The inputs as they would be had the customer bought at `now`: what a purchase would do to any score.

    The spend stays, for nobody knows the amount.
    """
    last, anchor = inputs.last_purchase_at, inputs.last_purchase
    gaps = inputs.purchase_gaps
    if last is not None and anchor is not None and now - last >= SHORTEST_GAP:
        gaps = (*gaps, PurchaseGap(anchor, last, now, inputs.purchase_days))
    return replace(
        inputs,
        last_purchase_at=now,
        last_purchase=Anchor(reference="", source="", id=""),
        purchases=inputs.purchases + 1,
        purchase_days=inputs.purchase_days + (last is None or last.date() != now.date()),
        last_activity_at=now,
        purchase_gaps=gaps,
    )


class Move(TypedDict):
    """What one kind of score would be `at` an instant if it were moved `by` a purchase now, or by time alone."""

    by: Literal["customer.purchase", "time"]
    at: datetime
    value: float | None
    band: str | None


def moves(inputs: Inputs, now: datetime) -> dict[str, list[Move]]:
    """What would move each kind: a purchase at `now`, and the passing of time up to the next change of band.

    A kind that neither would move is left out, and so is everybody who has no scores.
    """
    if inputs.status != "active":
        return {}
    bought = after_purchase(inputs, now)
    found: dict[str, list[Move]] = {}
    for name, scorer in KINDS.items():
        current, then = scorer.evaluate(inputs, now), scorer.evaluate(bought, now)
        moved: list[Move] = []
        if then["value"] != current["value"]:
            moved.append({"by": "customer.purchase", "at": now, "value": then["value"], "band": then.get("band")})
        at = scorer.next_transition(inputs, now)
        if at is not None:
            later = scorer.evaluate(inputs, at)
            moved.append({"by": "time", "at": at, "value": later["value"], "band": later.get("band")})
        if moved:
            found[name] = moved
    return found
