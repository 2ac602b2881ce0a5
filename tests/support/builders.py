"""Interactions as tests need them, and the records they travel as."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.contracts import Anchor, Gap, Interaction, Pii

DAY = timedelta(days=1)
_numbers = itertools.count(1)


def day(number: float, *, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> datetime:
    """The instant `number` days after 2026-01-01 00:00 UTC."""
    return start + number * DAY


def interaction(
    type: str = "customer.purchase",
    *,
    subject: str = "shop:1",
    time: datetime | None = None,
    id: str | None = None,
    source: str = "shop",
    pii: dict[str, Any] | None = None,
    **data: Any,
) -> Interaction:
    """One interaction; what is not given is plausible and unique."""
    if type == "customer.purchase" and not data:
        data = {"amount": "10.00", "currency": "USD"}
    return Interaction(
        specversion="1.0",
        id=id or f"i{next(_numbers)}",
        source=source,
        type=type,
        subject=subject,
        time=time or day(0),
        data=data,
        pii=Pii(value=pii) if pii else None,
        correlationid="c0ffee0c0ffee",
    )


def gap(anchor: Anchor, since: datetime, until: datetime, ordinal: int = 1) -> Gap:
    """A stretch without a purchase in which nothing else happened either."""
    return Gap(since, until, ordinal, True, anchor.reference, anchor.source, anchor.id)


def record(one: Any) -> tuple[bytes, bytes]:
    """Key and value of a contract's record."""
    return one.subject.encode(), msgspec.json.encode(one)
