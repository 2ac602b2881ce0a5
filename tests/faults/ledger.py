"""Compares what must be with what is.

Every difference is missing, extra, twice, or stale (the topic behind the store). What somebody saw going backwards
while it went on (`backwards.py`) is a difference too.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec

from tests.faults.expected import AlertKey, Expected, Sums
from tests.faults.observed import TOPICS, Observed

Kind = Literal["missing", "extra", "twice", "stale", "backwards"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be."""

    kind: Kind
    where: str
    what: str


def compare(expected: Expected, observed: Observed) -> list[Difference]:
    """Every difference; an empty list is what a run is for."""
    return [
        *_interactions(expected, observed),
        *_customers(expected, observed),
        *_topics(observed),
        *_read(observed),
        *_scores(expected, observed),
        *_alerts(expected, observed),
        *_notifications(observed),
        *_mails(observed),
        *_flows(observed),
    ]


def _interactions(expected: Expected, observed: Observed) -> Iterator[Difference]:
    for identity in expected.identities - observed.identities:
        yield Difference("missing", "interactions", str(identity))
    for identity in observed.identities - expected.identities:
        yield Difference("extra", "interactions", str(identity))


def _customers(expected: Expected, observed: Observed) -> Iterator[Difference]:
    for source, profiles in (("store", observed.data("profiles")), ("profiles.v1", observed.published("profiles"))):
        holders = Counter(frozenset(data["references"]) for data in profiles.values() if data["status"] == "active")
        for references in expected.customers.keys() - holders.keys():
            yield Difference("missing", f"customers in {source}", str(sorted(references)))
        for references in holders.keys() - expected.customers.keys():
            yield Difference("extra", f"customers in {source}", str(sorted(references)))
        for references, count in holders.items():
            if count > 1:
                yield Difference("twice", f"customers in {source}", str(sorted(references)))
        for data in profiles.values():
            wanted = expected.customers.get(frozenset(data["references"])) if data["status"] == "active" else None
            if wanted is not None:
                yield from _sums(wanted, data["aggregates"], f"{data['customer_id']} in {source}")


def _sums(wanted: Sums, found: Mapping[str, Any], whose: str) -> Iterator[Difference]:
    pairs = (
        ("interactions", Decimal(wanted.interactions), Decimal(found["interactions"])),
        ("purchases", Decimal(wanted.purchases), Decimal(found["purchases"])),
        ("spend", wanted.spend, Decimal(found["spend"].get("USD", "0"))),
    )
    for name, must, is_ in pairs:
        if must != is_:
            yield Difference("missing" if is_ < must else "twice", f"{name} of {whose}", f"{is_} instead of {must}")


def _topics(observed: Observed) -> Iterator[Difference]:
    """The last record of each key is what the store holds, byte for byte."""
    for service, topic in TOPICS.items():
        store, last = observed.stores[service], observed.last_records[service]
        for key in store.keys() - last.keys():
            yield Difference("missing", topic, key)
        for key in last.keys() - store.keys():
            yield Difference("extra", topic, key)
        for key in store.keys() & last.keys():
            if store[key].snapshot != last[key]:
                yield Difference(
                    "stale", topic, f"{key}: {_version(last[key])} instead of {_version(store[key].snapshot)}"
                )


def _read(observed: Observed) -> Iterator[Difference]:
    """Who reads a topic has the newest version of everything its writer holds."""
    for (reader, writer), versions in observed.read.items():
        store, where = observed.stores[writer], f"{writer} as {reader} knows them"
        yield from (Difference("extra", where, key) for key in versions.keys() - store.keys())
        for key, kept in store.items():
            if versions.get(key) != kept.version:
                yield Difference("missing", where, f"{key}: version {versions.get(key)} instead of {kept.version}")


def _scores(expected: Expected, observed: Observed) -> Iterator[Difference]:
    """Those that can be told by hand: on how many days, how much, and when last somebody bought."""
    profiles, scores = observed.data("profiles"), observed.data("scoring")
    for customer_id, profile in profiles.items():
        wanted = expected.customers.get(frozenset(profile["references"])) if profile["status"] == "active" else None
        if wanted is None:
            continue
        if customer_id not in scores:
            yield Difference("missing", "scores", customer_id)
            continue
        kinds = scores[customer_id]["kinds"]
        bought = wanted.purchases > 0
        must = {
            "frequency": float(len(wanted.purchase_days)) if bought else None,
            "monetary": float(wanted.spend) if bought else None,
            "recency": _days_since(wanted.last_purchase_at, kinds["recency"]["as_of"]) if bought else None,
        }
        for kind, value in must.items():
            if not _equal(value, kinds[kind]["value"]):
                what = f"{kind} of {customer_id}: {kinds[kind]['value']} instead of {value}"
                yield Difference("missing", "scores", what)


def _days_since(past: datetime | None, at: str) -> float | None:
    return (datetime.fromisoformat(at) - past) / _DAY if past else None


def _equal(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else math.isclose(one, other, abs_tol=1e-6)


def _version(snapshot: bytes | None) -> str:
    if snapshot is None:
        return "a tombstone"
    found = msgspec.json.decode(snapshot)
    return f"version {found.get('version')} ({found['data'].get('status') or found['data'].get('condition')})"


def _alerts(expected: Expected, observed: Observed) -> Iterator[Difference]:
    alerts = observed.data("alerts")
    profiles = observed.data("profiles")
    found: dict[AlertKey, dict[str, Any]] = {}
    for alert in alerts.values():
        if alert["condition"] == "retracted":
            continue
        anchor = alert["evidence"]["anchor"]
        key = (alert["rule_id"], anchor["reference"], anchor["source"], anchor["id"])
        if key in found:
            yield Difference("twice", "alerts", str(key))
        found[key] = alert
    for key in expected.alerts.keys() - found.keys():
        yield Difference("missing", "alerts", str(key))
    for key in found.keys() - expected.alerts.keys():
        yield Difference("extra", "alerts", str(key))
    for key in expected.alerts.keys() & found.keys():
        must, alert = expected.alerts[key], found[key]
        ended = _instant(alert["resolved_at"])
        if _instant(alert["fired_at"]) != must.fired_at:
            yield Difference("extra", "alerts", f"{key} fired at {alert['fired_at']} instead of {must.fired_at}")
        if ended != must.resolved_at:
            kind: Kind = "missing" if ended is None else "extra"
            yield Difference(kind, "alerts", f"{key} ended at {ended} instead of {must.resolved_at}")
        whose = profiles.get(alert["customer_id"], {}).get("references", [])
        if frozenset(whose) != must.references:
            yield Difference("extra", "alerts", f"{key} belongs to {whose} instead of {sorted(must.references)}")


def _notifications(observed: Observed) -> Iterator[Difference]:
    """One decision per planned step of each alert, made; a closing only of what closed, at least once."""
    decided = Counter(
        (entry["alert_id"], entry["transition"], entry["step"]) for entry in observed.data("notify").values()
    )
    planned: set[tuple[str, str, str]] = set()
    possible: set[tuple[str, str, str]] = set()
    for alert_id, alert in observed.data("alerts").items():
        steps = {"owner": "owner", "customer": "win_back"}
        planned |= {(alert_id, "fired", steps[one]) for one in alert["notify"]}
        closing = {(alert_id, "closed", "owner")} if "owner" in alert["notify"] else set()
        if alert["condition"] != "firing":
            planned |= closing
        own = [act["act"] for act in alert["history"] if act["taken_over_from"] is None]
        if "resolved" in own or "retracted" in own:
            possible |= closing
    yield from (Difference("missing", "decisions", str(one)) for one in planned - decided.keys())
    yield from (Difference("extra", "decisions", str(one)) for one in decided.keys() - planned - possible)
    yield from (Difference("twice", "decisions", str(one)) for one, count in decided.items() if count > 1)
    for key, entry in observed.data("notify").items():
        if entry["status"] not in ("sent", "dropped", "unknown", "failed"):
            yield Difference("missing", "decisions", f"{key} is still {entry['status']}: {entry['reason']}")
        elif (entry["status"] == "sent") != (entry["reason"] is None):
            yield Difference("missing", "decisions", f"{key} was {entry['status']} and says {entry['reason']}")


def _mails(observed: Observed) -> Iterator[Difference]:
    """What is called sent has arrived, and nothing else but what may have; at customers once at most."""
    entries = observed.data("notify")
    sent = {key for key, entry in entries.items() if entry["status"] == "sent"}
    perhaps = {key for key, entry in entries.items() if entry["status"] == "unknown"}
    arrived = observed.mails.keys()
    yield from (Difference("missing", "mails", key) for key in sent - arrived)
    for key in arrived - sent - perhaps:
        yield Difference("extra", "mails", f"{key} {entries[key]['status'] if key in entries else None}")
    for key in arrived & entries.keys():
        if observed.mails[key] > 1 and _is_to_customer(entries[key]):
            yield Difference("twice", "mails", f"{key} to {entries[key]['recipient']}: {observed.mails[key]} times")


def _is_to_customer(notification: Mapping[str, Any]) -> bool:
    """Not to staff, whom a mail may reach again under the same Message-ID."""
    return bool(notification["recipient"].startswith("customer:"))


def count_mails(observed: Observed) -> dict[str, int]:
    """How many notifications arrived as mail at staff and at customers, and how many of them more than once."""
    entries = observed.data("notify")
    customers = {key for key in observed.mails if key in entries and _is_to_customer(entries[key])}
    again = {key for key, times in observed.mails.items() if times > 1}
    return {
        "to_staff": len(observed.mails) - len(customers),
        "to_staff_again": len(again - customers),
        "to_customers": len(customers),
        "to_customers_again": len(again & customers),
    }


def _flows(observed: Observed) -> Iterator[Difference]:
    """Read = applied + duplicate + stale + dead + dropped."""
    for (service, topic), (read, done) in observed.flows.items():
        if read != done:
            kind: Kind = "missing" if done < read else "twice"
            yield Difference(kind, f"flow of {topic} in {service}", f"{done:g} of {read:g} records accounted for")


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def count(differences: Iterable[Difference]) -> dict[Kind, int]:
    """How many of each kind."""
    counted: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    for one in differences:
        counted[one.kind] += 1
    return counted
