"""From an interaction to its customer, score, alerts and notifications; and where it stopped, if it did."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.operation.installation import Installation
from deploy.operation.tracing.api import Api, AwayError
from deploy.operation.tracing.astray import where_it_stopped
from deploy.operation.tracing.reasons import explain

Outcome = Literal["done", "not_done", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which interaction. An id alone may belong to several; a reference makes the look-up quick."""

    id: str
    source: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a service did (or did not do, or nobody can say), at an instant of business time where there is one."""

    service: str
    outcome: Outcome
    says: str
    at: str | None = None


@dataclass(slots=True)
class Trace:
    """The path. `found` says whether the interaction is in anybody's timeline."""

    found: bool = False
    steps: list[Step] = field(default_factory=list)
    customer_ids: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)

    def add(self, service: str, says: str, *, outcome: Outcome = "done", at: str | None = None) -> None:
        self.steps.append(Step(service=service, outcome=outcome, says=says, at=at))


@dataclass(frozen=True, slots=True)
class _Subject:
    """The interaction as alerts know it, and its customer with the version of the profile."""

    anchor: dict[str, str]
    customer_id: str
    version: int


async def trace_interaction(installation: Installation, wanted: Wanted) -> Trace:
    """Ask service by service; one that is away leaves a gap that is said. Never carries personal data.

    Raises ConfigurationError without a key that may ask, AwayError when profiles, where every path begins, is away.
    """
    trace = Trace()
    async with Api(installation) as api:
        kept = await api.get(
            "profiles", "/v1/interactions", id=wanted.id, source=wanted.source, reference=wanted.reference
        )
        interactions = (kept or {}).get("items", [])
        trace.found = bool(interactions)
        if not interactions:
            trace.add("profiles", "no interaction with this id is in anybody's timeline", outcome="not_done")
            if wanted.reference is not None:
                says = (
                    "look without --reference too: one that looks like an e-mail address or a number is kept as a hash"
                )
                trace.add("profiles", says, outcome="not_done")
            for service, says in await where_it_stopped(installation, wanted.id):
                trace.add(service, says, outcome="not_done")
        for interaction in interactions:
            await _follow(api, trace, interaction)
    return trace


async def _follow(api: Api, trace: Trace, interaction: dict[str, Any]) -> None:
    customer_id = interaction["customer_id"]
    anchor = {"reference": interaction["subject"], "source": interaction["source"], "id": interaction["id"]}
    says = f"{interaction['type']} of {anchor['reference']} from {anchor['source']} is stored in the timeline"
    trace.add("profiles", says, at=interaction["time"])
    trace.customer_ids.append(customer_id)
    profile = await api.get("profiles", f"/v1/customers/{customer_id}")
    if profile is None:
        trace.add("profiles", f"customer {customer_id} has no profile yet", outcome="not_done")
    else:
        _tell_profile(trace, profile, anchor)
    subject = _Subject(anchor, customer_id, profile["version"] if profile else 0)
    for service, tell in (("scoring", _tell_score), ("alerts", _tell_alerts)):
        try:
            await tell(api, trace, subject)
        except AwayError as error:
            trace.add(service, str(error), outcome="unknown")


def _tell_profile(trace: Trace, profile: dict[str, Any], anchor: dict[str, str]) -> None:
    facts = [f"lifecycle {profile['lifecycle']} since {profile['lifecycle_since']}"]
    facts.append(f"value tier {profile['value_tier'] or 'none'}")
    facts.append(f"account owner {(profile['owner'] or {}).get('staff_id', 'none')}")
    facts.append(f"{profile['aggregates']['interactions']:,} interactions")
    trace.add("profiles", f"it belongs to customer {profile['customer_id']}, now: {', '.join(facts)}")
    last = [
        what
        for what, name in (("purchase", "last_purchase"), ("activity", "last_activity"))
        if profile["aggregates"][name] == anchor
    ]
    if last:
        trace.add("profiles", f"it is the customer's last {' and last '.join(last)}: rules about absence count from it")
    if profile["next_transition_at"]:
        trace.add("profiles", f"time alone changes the lifecycle next at {profile['next_transition_at']}")


async def _tell_score(api: Api, trace: Trace, subject: _Subject) -> None:
    score = await api.get("scoring", f"/v1/scores/{subject.customer_id}")
    if score is None:
        trace.add("scoring", "no profile of this customer has arrived there yet", outcome="not_done")
        return
    if score["profile_version"] < subject.version:
        says = "the scores below are of an older profile: the newest has not arrived there yet"
        trace.add("scoring", says, outcome="not_done")
    for kind, value in score["kinds"].items():
        if value["value"] is None:
            trace.add("scoring", f"{kind} does not apply: {value.get('reason')}", outcome="not_done", at=value["as_of"])
            continue
        band = f", band {value['band']}" if value.get("band") else ""
        due = value.get("next_transition_at")
        following = f"; changes by time alone at {due}" if due else ""
        trace.add("scoring", f"{kind} is {value['value']:g}{band}{following}", at=value["as_of"])


async def _tell_alerts(api: Api, trace: Trace, subject: _Subject) -> None:
    alerts = await api.all_of("alerts", "/v1/alerts", customer_id=subject.customer_id)
    here = [alert for alert in alerts if alert["evidence"]["anchor"] == subject.anchor]
    others = [alert for alert in alerts if alert["evidence"]["anchor"] != subject.anchor]
    if not here:
        says = "no alert is anchored at it: no rule's condition began with it and held long enough to fire"
        trace.add("alerts", says, outcome="not_done")
    for alert, whose in [*((one, "anchored at it") for one in here), *((one, "of its customer") for one in others)]:
        trace.alert_ids.append(alert["alert_id"])
        _tell_alert(trace, alert, whose)
        try:
            await _tell_notifications(api, trace, alert)
        except AwayError as error:
            trace.add("notify", str(error), outcome="unknown")


def _tell_alert(trace: Trace, alert: dict[str, Any], whose: str) -> None:
    state = f"{alert['condition']}, {alert['handling']}"
    says = f"{alert['severity']} alert {alert['alert_id']} of rule {alert['rule_id']}, {whose}: {state}"
    trace.add("alerts", says, at=alert["fired_at"])
    for act in alert["history"]:
        reason = f" ({act['reason']})" if act["reason"] else ""
        until = f" until {act['until']}" if act["until"] else ""
        trace.add("alerts", f"  {act['act']}{until} by {act['by']}{reason}", at=act["at"])


async def _tell_notifications(api: Api, trace: Trace, alert: dict[str, Any]) -> None:
    if not alert["notify"]:
        trace.add("notify", f"  rule {alert['rule_id']} tells nobody", outcome="not_done")
        return
    notifications = await api.all_of("notify", "/v1/notifications", alert_id=alert["alert_id"])
    if not notifications:
        trace.add("notify", "  nothing is decided yet about whom to tell", outcome="not_done")
    for one in _in_order(notifications):
        what = f"  {one['channel']} to {one['recipient']} about its {one['transition']}"
        if one["status"] == "sent":
            trace.add("notify", f"{what}: sent", at=one["sent_at"])
            continue
        why = explain(one["reason"])
        outcome: Outcome = "unknown" if one["status"] == "unknown" else "not_done"
        trace.add("notify", f"{what}: {one['status']}, {why}", outcome=outcome, at=one["decided_at"])


def _in_order(notifications: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(notifications, key=lambda one: (one["cause_at"], one["step"]))
