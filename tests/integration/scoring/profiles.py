"""Profiles as scoring receives them, built from purchases."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.scoring.handlers import ProfilePart
from shared.contracts import Aggregates, Anchor, History, Pii, Profile, Snapshot
from shared.ids import customer_id_of
from shared.pipeline import Received
from tests.support.builders import day, gap

LISTED = timedelta(days=7)


def customer(number: int) -> str:
    """The id of customer `number`."""
    return customer_id_of(f"shop:{number}")


def profile(number: int, purchases: Sequence[datetime], *, version: int = 1, **more: Any) -> Snapshot[Profile]:
    """The snapshot of customer `number` who bought at these instants, oldest first."""
    anchors = [Anchor(reference=f"shop:{number}", source="shop", id=f"p{index}") for index in range(len(purchases))]
    gaps = [
        gap(anchor, since, until, index)
        for index, (anchor, (since, until)) in enumerate(
            zip(anchors, itertools.pairwise(purchases), strict=False), start=1
        )
        if until - since > LISTED
    ]
    last = purchases[-1] if purchases else None
    data = Profile(
        customer_id=customer(number),
        lifecycle="active" if purchases else "prospect",
        aggregates=Aggregates(
            purchases=len(purchases),
            purchase_days=len({at.date() for at in purchases}),
            last_purchase_at=last,
            last_purchase=anchors[-1] if anchors else None,
            last_activity_at=last,
            spend={"USD": f"{10 * len(purchases)}.00"} if purchases else {},
        ),
        history=History(since=day(-1000), purchase_gaps=tuple(gaps)),
        pii=Pii(value={"name": "Ana Torres"}),
    )
    data = msgspec.structs.replace(data, **more)
    return Snapshot(
        id=f"{data.customer_id}:{version}",
        source="ebbtide/profiles",
        type="ebbtide.profile",
        subject=data.customer_id,
        time=last or day(0),
        version=version,
        correlationid=f"cause-{version}",
        data=data,
    )


def received(*profiles: Snapshot[Profile]) -> list[Received[Any]]:
    """The records as the pipeline hands them over."""
    decoder = msgspec.json.Decoder(Snapshot[ProfilePart])
    return [Received(decoder.decode(raw), raw) for raw in map(msgspec.json.encode, profiles)]
