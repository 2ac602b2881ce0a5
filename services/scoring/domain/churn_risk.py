"""Churn risk, model `baseline-1`: 100 * (0.8 * min(1, r / 180 d) + 0.2 / f).

r is the time since the last purchase, f the number of distinct days (UTC) with a purchase. Bands: high from 70, medium
from 40, low below. 70 is given by the design; 40 is our choice, and makes medium a warning a quarter of a year ahead at
most: a first-time buyer is medium from 45 d and high from 112.5 d, the most loyal one from 90 d and 157.5 d.

Bands are decided by exact instants, never by comparing floats. A purchase always brings the band back to low (the value
is then 20 / f), and no band begins sooner than 45 d after one; so the gaps between purchases that a profile lists
(those longer than 7 d) hold everything the band history needs.
"""

from datetime import datetime, timedelta
from functools import lru_cache

from services.scoring.domain.entities import BandSpell, Inputs, KindScore, Model, PurchaseGap, Scorer

MODEL = Model(name="baseline-1", version="1")
PERIOD = timedelta(days=180)
RECENCY_POINTS = 80
FREQUENCY_POINTS = 20
MEDIUM_FROM = 40
HIGH_FROM = 70

_MICROSECOND = timedelta(microseconds=1)
_PERIOD_MICROS = PERIOD // _MICROSECOND
_NOTHING = timedelta(0)


def crossing(points: int, purchase_days: int) -> timedelta:
    """How long after a purchase the value first reaches `points`, rounded up to the microsecond.

    Exact: 80 r / PERIOD + 20 / f >= points holds from this instant on and at no microsecond before it.
    """
    numerator = (points * purchase_days - FREQUENCY_POINTS) * _PERIOD_MICROS
    return timedelta(microseconds=-(-numerator // (RECENCY_POINTS * purchase_days)))


SHORTEST_GAP = crossing(MEDIUM_FROM, 1)
"""No band changes sooner after a purchase, so a shorter gap leaves no trace in the band history."""


@lru_cache(maxsize=4096)
def _crossings(purchase_days: int) -> tuple[timedelta, timedelta]:
    return crossing(MEDIUM_FROM, purchase_days), crossing(HIGH_FROM, purchase_days)


def evaluate(inputs: Inputs, now: datetime) -> KindScore:
    """Churn risk at `now`; does not apply (`no_purchase`) to who never bought."""
    last = inputs.last_purchase_at
    if last is None:
        return {"value": None, "reason": "no_purchase", "scale": "index", "model": MODEL, "as_of": now}
    days = inputs.purchase_days
    since = now - last if now > last else _NOTHING
    micros = (since if since < PERIOD else PERIOD) // _MICROSECOND
    medium_after, high_after = _crossings(days)
    if since < medium_after:
        band, next_after = "low", medium_after
    elif since < high_after:
        band, next_after = "medium", high_after
    else:
        band, next_after = "high", None
    return {
        # One division of integers: the float nearest to the exact value, hence 70 or more wherever the band is high.
        "value": (RECENCY_POINTS * days * micros + FREQUENCY_POINTS * _PERIOD_MICROS) / (days * _PERIOD_MICROS),
        "scale": "index",
        "band": band,
        "contributions": (
            {
                "factor": "recency",
                "points": RECENCY_POINTS * micros / _PERIOD_MICROS,
                "evidence": f"days_since_purchase={since.days}",
            },
            {"factor": "frequency", "points": FREQUENCY_POINTS / days, "evidence": f"purchase_days={days}"},
        ),
        "model": MODEL,
        "as_of": now,
        "next_transition_at": last + next_after if next_after else None,
        "bands": band_history(inputs, now),
    }


def next_transition(inputs: Inputs, now: datetime) -> datetime | None:
    """The first instant after `now` at which the band changes if nothing is bought; None once it is high."""
    last = inputs.last_purchase_at
    if last is None:
        return None
    return next((at for after in _crossings(inputs.purchase_days) if (at := last + after) > now), None)


def band_history(inputs: Inputs, now: datetime) -> list[BandSpell]:
    """The spells in medium and high that began up to `now` and reach beyond `history_since`, oldest first.

    Where none is listed the band was low. A spell is anchored at the purchase that began its gap; the last one has no
    end while it lasts. What began before `history_since` is listed with its true beginning, so that a reader who
    decided about it then still learns its end.
    """
    spells: list[BandSpell] = []
    for gap in inputs.purchase_gaps:
        if gap.until is not None and gap.until >= inputs.history_since and gap.until - gap.since > SHORTEST_GAP:
            _append_spells(spells, gap, inputs.history_since, now)
    last, anchor = inputs.last_purchase_at, inputs.last_purchase
    if last is not None and anchor is not None and now - last >= SHORTEST_GAP:
        _append_spells(spells, PurchaseGap(anchor, last, None, inputs.purchase_days), inputs.history_since, now)
    return spells


def _append_spells(spells: list[BandSpell], gap: PurchaseGap, history_since: datetime, now: datetime) -> None:
    """Add what one gap did to the band. At `gap.until` itself the band is low again."""
    medium_after, high_after = _crossings(gap.ordinal)
    medium_at, high_at, until = gap.since + medium_after, gap.since + high_after, gap.until
    rose_to_high = high_at <= now if until is None else high_at < until
    if medium_at <= now and (until is None or medium_at < until):
        medium_until = high_at if rose_to_high else until
        if medium_until is None or medium_until >= history_since:
            spells.append({"band": "medium", "since": medium_at, "until": medium_until, "anchor": gap.anchor})
    if rose_to_high and high_at <= now:
        spells.append({"band": "high", "since": high_at, "until": until, "anchor": gap.anchor})


BASELINE = Scorer(evaluate, next_transition)
