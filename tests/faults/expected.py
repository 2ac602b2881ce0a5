"""What must have come of the accepted interactions: counted by hand, without any code of the services."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Identity = tuple[str, str, str]
# rule, reference, source and id of the interaction it is anchored at
AlertKey = tuple[str, str, str, str]
SILENCE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """When it fired, when it ended, and whose it is."""

    fired_at: datetime
    resolved_at: datetime | None
    references: frozenset[str]


@dataclass(slots=True)
class Sums:
    """What one customer's record must say."""

    interactions: int = 0
    purchases: int = 0
    spend: Decimal = Decimal(0)
    purchase_days: set[date] = field(default_factory=set)
    last_purchase_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The whole of it."""

    identities: frozenset[Identity]
    customers: Mapping[frozenset[str], Sums]
    alerts: Mapping[AlertKey, ExpectedAlert]
    references: Mapping[str, int] = field(default_factory=dict)


def expect(truth: Iterable[Mapping[str, Any]], now: datetime) -> Expected:
    """Fold the truth file."""
    events = {identity_of(event): event for event in truth}
    people = _people(events.values())
    mine: dict[frozenset[str], list[Mapping[str, Any]]] = {references: [] for references in people.values()}
    per_reference: dict[str, int] = defaultdict(int)
    for event in events.values():
        mine[people[event["subject"]]].append(event)
        per_reference[event["subject"]] += 1
    alerts: dict[AlertKey, ExpectedAlert] = {}
    for references, deeds in mine.items():
        alerts |= _complaints(deeds, references) | _silences(deeds, references, now)
    sums = {references: _sums(deeds) for references, deeds in mine.items()}
    return Expected(frozenset(events), sums, alerts, dict(per_reference))


def identity_of(event: Mapping[str, Any]) -> Identity:
    return event["subject"], event["source"], event["id"]


def _people(events: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Each reference to all that are the same person: links, followed until nothing changes."""
    groups: dict[str, set[str]] = {}
    for event in events:
        one = groups.setdefault(event["subject"], {event["subject"]})
        if event["type"] == "customer.linked":
            linked = event["data"]["reference"]
            other = groups.setdefault(linked, {linked})
            if one is not other:
                one |= other
                for reference in other:
                    groups[reference] = one
    return {reference: frozenset(group) for reference, group in groups.items()}


def _sums(deeds: Iterable[Mapping[str, Any]]) -> Sums:
    sums = Sums()
    for deed in deeds:
        sums.interactions += 1
        if deed["type"] == "customer.purchase":
            sums.purchases += 1
            sums.spend += Decimal(deed["data"]["amount"])
            sums.purchase_days.add(_time(deed).astimezone(UTC).date())
            sums.last_purchase_at = max(_time(deed), sums.last_purchase_at or _time(deed))
    return sums


def _complaints(deeds: Iterable[Mapping[str, Any]], references: frozenset[str]) -> dict[AlertKey, ExpectedAlert]:
    """A case has one opening and at most one resolution, which is later."""
    ends = {deed["data"]["case"]: _time(deed) for deed in deeds if deed["type"] == "customer.complaint.resolved"}
    return {
        ("complaint-opened", *identity_of(deed)): ExpectedAlert(_time(deed), ends.get(deed["data"]["case"]), references)
        for deed in deeds
        if deed["type"] == "customer.complaint.opened"
    }


def _silences(
    deeds: Iterable[Mapping[str, Any]], references: frozenset[str], now: datetime
) -> dict[AlertKey, ExpectedAlert]:
    bought = sorted((deed for deed in deeds if deed["type"] == "customer.purchase"), key=_time)
    found: dict[AlertKey, ExpectedAlert] = {}
    for deed, following in zip(bought, [*bought[1:], None], strict=False):
        fired_at, end = _time(deed) + SILENCE, _time(following) if following else None
        if fired_at <= now and (end is None or end > fired_at):
            found[("no-purchase-90d", *identity_of(deed))] = ExpectedAlert(fired_at, end, references)
    return found


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])
