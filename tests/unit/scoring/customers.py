"""Customers as scoring sees them, built from purchases the way profiles lists them."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from services.scoring.domain.entities import Anchor, Inputs, PurchaseGap

START = datetime(2024, 1, 1, 9, 30, tzinfo=UTC)
LISTED = timedelta(days=7)


def anchor_of(at: datetime) -> Anchor:
    """The purchase at this instant."""
    return {"reference": "shop:1", "source": "shop", "id": at.isoformat()}


def inputs_from(purchases: Iterable[datetime], *, history_since: datetime = START) -> Inputs:
    """Everything that followed from these purchases; gaps of more than 7 days are listed."""
    times = sorted(purchases)
    gaps = [
        PurchaseGap(anchor_of(since), since, until, len({at.date() for at in times if at <= since}))
        for since, until in itertools.pairwise(times)
        if until - since > LISTED
    ]
    last = times[-1] if times else None
    return Inputs(
        customer_id="00000000-0000-0000-0000-000000000001",
        lifecycle="active",
        history_since=history_since,
        last_purchase_at=last,
        last_purchase=anchor_of(last) if last else None,
        purchases=len(times),
        purchase_days=len({at.date() for at in times}),
        spend={"USD": f"{len(times)}.50"} if times else {},
        last_activity_at=last,
        purchase_gaps=tuple(gaps),
    )
