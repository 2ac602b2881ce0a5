"""Snapshots as profiles and alerts publish them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from shared.contracts import Alert, Anchor, Pii, Profile, Snapshot
from shared.contracts.alert import Evidence
from shared.contracts.profile import Consent, History, Owner
from tests.support.builders import day

NOW = day(200)
DAY = timedelta(days=1)
_SPACE = UUID("aaaaaaaa-0000-4000-8000-000000000000")


def id_of(name: str) -> str:
    """A fixed id for a name."""
    return str(uuid5(_SPACE, name))


def profile(name: str, version: int = 1, *, owner: str | None = None, consent: bool | None = True, **more: Any) -> Any:
    """A customer called `name`, with an address, who wants mail unless told otherwise."""
    address = more.pop("address", f"{name}@customers.example")
    said = {"name": name.title()} | ({"email": address} if address else {})
    data = Profile(
        customer_id=id_of(name),
        references=(f"shop:{name}",),
        owner=Owner(staff_id=owner, since=NOW - 300 * DAY) if owner else None,
        consent={}
        if consent is None
        else {"email:marketing": Consent(granted=consent, source="shop", time=NOW - 100 * DAY)},
        history=History(since=NOW - 700 * DAY),
        pii=Pii(value={key: {"value": value, "source": "shop", "time": "t"} for key, value in said.items()}),
        **more,
    )
    return snapshot(data.customer_id, version, data)


def alert(name: str, customer: str, version: int = 1, **more: Any) -> Any:
    """A firing alert of yesterday about `customer`, for owner and customer unless told otherwise."""
    plain: dict[str, Any] = {
        "alert_id": id_of(name),
        "rule_id": "no-purchase-90d",
        "rules_version": "1",
        "customer_id": id_of(customer),
        "condition": "firing",
        "handling": "open",
        "severity": "warning",
        "fired_at": NOW - DAY,
        "notify": ("owner", "customer"),
        "evidence": Evidence(
            anchor=Anchor(reference=f"shop:{customer}", source="shop", id="1"), since=NOW - 91 * DAY, facts={"days": 90}
        ),
        "cause_version": 1,
    }
    time = more.pop("time", NOW)
    data = Alert(**(plain | more))
    return snapshot(data.alert_id, version, data, time=time)


def resolved(name: str, customer: str, version: int = 2, *, at: datetime = NOW, **more: Any) -> Any:
    """The same alert, over."""
    return alert(name, customer, version, condition="resolved", handling="closed", resolved_at=at, **more)


def snapshot(entity_id: str, version: int, data: Any, *, time: datetime = NOW) -> Any:
    kind = type(data).__name__.lower()
    return Snapshot(
        id=f"{entity_id}:{version}",
        source="ebbtide/tests",
        type=f"ebbtide.{kind}",
        subject=entity_id,
        time=time,
        version=version,
        correlationid="c0ffee0c0ffee",
        data=data,
    )


def as_read(entry: Any, part: type) -> Any:
    """A published snapshot as notify decodes it."""
    return msgspec.json.decode(msgspec.json.encode(entry), type=Snapshot[part])  # type: ignore[valid-type]
