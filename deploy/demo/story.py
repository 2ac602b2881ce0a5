"""What the demo emits: the CDNOW purchases, and what that data lacks (who the customers are, and what they allow)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.feeds.purchases import Layout, read_purchases

DATA = Path(__file__).resolve().parents[1] / "data" / "cdnow_sample.csv"
NAMESPACE = "cdnow"
START = "1997-01-01T00:00:00Z"
UNTIL = "1998-06-30T23:59:59Z"

# One in ten customers allows no marketing mail; one in four reads Chinese.
_LOCALES = ("en", "en", "en", "zh-CN")
_ZONES = {"en": ("America/New_York", "America/Los_Angeles", "Europe/London"), "zh-CN": ("Asia/Shanghai",)}


@dataclass(frozen=True, slots=True)
class Scene:
    """One event and the instant at which the world emits it."""

    at: datetime
    event: dict[str, Any]


def tell(staff: list[str]) -> list[Scene]:
    """Every event of the demo in time order. The same each time, so that running it again changes nothing."""
    scenes: list[Scene] = []
    introduced: set[str] = set()
    for row in read_purchases(DATA, Layout(namespace=NAMESPACE, source="cdnow")):
        assert row.event is not None, row.problem
        at = datetime.fromisoformat(row.event["time"])
        subject = row.event["subject"]
        if subject not in introduced:
            introduced.add(subject)
            scenes.extend(Scene(at, event) for event in _introduce(subject, row.event["time"], staff))
        scenes.append(Scene(at, row.event))
    return sorted(scenes, key=lambda scene: scene.at)


def _introduce(subject: str, time: str, staff: list[str]) -> Iterator[dict[str, Any]]:
    """What another system of the company knows when a customer first buys."""
    number = subject.partition(":")[2]
    chance = hashlib.sha256(subject.encode()).digest()
    locale = _LOCALES[chance[0] % len(_LOCALES)]
    zones = _ZONES[locale]
    yield _event(
        "identified",
        subject,
        time,
        {"locale": locale, "zone": zones[chance[1] % len(zones)]},
        {"name": f"Customer {number}", "email": f"customer-{number}@example.net"},
    )
    granted = chance[2] % 10 != 0
    yield _event("consent", subject, time, {"channel": "email", "purpose": "marketing", "granted": granted})
    yield _event("owner.assigned", subject, time, {"owner": staff[chance[3] % len(staff)]})


def _event(
    kind: str, subject: str, time: str, data: dict[str, Any], pii: dict[str, Any] | None = None
) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": f"{kind}-{subject.partition(':')[2]}",
        "source": "crm",
        "type": f"customer.{kind}",
        "subject": subject,
        "time": time,
        "data": data,
    }
    return event | ({"pii": pii} if pii else {})
