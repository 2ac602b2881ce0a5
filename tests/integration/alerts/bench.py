"""Profiles and scores as their writers publish them, and the handlers of alerts on a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from services.alerts.domain.entities import Alert
from services.alerts.domain.rules import RuleSet, parse_rules
from services.alerts.domain.snapshots import ProfilePart, ScorePart
from services.alerts.handlers import Acts, Batches, Decider, Rulebook, Search
from services.alerts.metrics import AlertMetrics
from services.alerts.store import AlertsStore
from services.alerts.timers import RuleRollout, Timers
from shared.clock import Clock
from shared.contracts import (
    Aggregates,
    Anchor,
    BandSpell,
    Case,
    History,
    KindScore,
    Model,
    Owner,
    Profile,
    Score,
    Snapshot,
)
from shared.ids import customer_id_of
from shared.pipeline import Outcome, PipelineStore, Received
from shared.postgres import Database
from tests.support.builders import day, gap
from tests.support.clock import ManualClock

RULES: dict[str, Any] = {
    "rules": [
        {
            "id": "no-purchase-90d",
            "when": {"absent": "customer.purchase", "longer_than": "90d"},
            "severity": "warning",
            "notify": ["owner", "customer"],
        },
        {"id": "churn-risk-high", "when": {"score": "churn_risk", "band": "high"}, "severity": "critical"},
        {
            "id": "complaint-opened",
            "when": {"event": "customer.complaint.opened", "until": "customer.complaint.resolved"},
            "severity": "info",
        },
    ]
}
LONG_AGO = day(-700)
Purchase = tuple[str, float]


def purchase_of(reference: str, number: float) -> Anchor:
    return Anchor(reference=reference, source="shop", id=f"{reference}@{number}")


def profile(
    *purchases: Purchase,
    version: int,
    references: Sequence[str] = ("shop:1",),
    complaints: Sequence[tuple[float, float | None]] = (),
    merged_into: str | None = None,
    **more: Any,
) -> Snapshot[Profile]:
    """The profile of whoever holds these references; purchases are (reference, day)."""
    at = sorted(purchases, key=lambda one: one[1])
    customer_id = more.pop("customer_id", None) or min(map(customer_id_of, references))
    gaps = tuple(
        gap(purchase_of(*one), day(one[1]), day(other[1]), place)
        for place, (one, other) in enumerate(pairwise(at), 1)
        if other[1] - one[1] > 7
    )
    cases = tuple(
        Case(
            anchor=purchase_of(references[0], opened),
            opened_at=day(opened),
            resolved_at=day(resolved) if resolved is not None else None,
        )
        for opened, resolved in complaints
    )
    last = at[-1] if at else None
    data = Profile(
        customer_id=customer_id,
        status="merged" if merged_into else more.pop("status", "active"),
        merged_into=merged_into,
        references=() if merged_into else tuple(references),
        owner=Owner(staff_id=more.pop("owner"), since=LONG_AGO) if "owner" in more else None,
        aggregates=Aggregates(
            purchases=len(at),
            purchase_days=len(at),
            last_purchase_at=day(last[1]) if last else None,
            last_purchase=purchase_of(*last) if last else None,
        ),
        history=History(since=more.pop("since", LONG_AGO), purchase_gaps=gaps, complaints=cases),
        **more,
    )
    return snapshot(customer_id, version, data)


def score(
    *bands: tuple[str, str, float, float | None], version: int, profile_version: int, customer_id: str, **more: Any
) -> Snapshot[Score]:
    """Churn risk of a customer; bands are (reference of the anchor, band, from day, to day)."""
    spells = tuple(
        BandSpell(
            band=band,
            since=day(since),
            until=day(until) if until is not None else None,
            anchor=purchase_of(reference, since),
        )
        for reference, band, since, until in bands
    )
    kind = KindScore(value=1.0, scale="index", model=Model(name="test", version="1"), as_of=day(0), bands=spells)
    data = Score(
        customer_id=customer_id,
        profile_version=profile_version,
        lifecycle="active",
        history_since=LONG_AGO,
        kinds={"churn_risk": kind} if spells else {},
        **more,
    )
    return snapshot(customer_id, version, data)


def snapshot(subject: str, version: int, data: Any) -> Snapshot[Any]:
    return Snapshot(
        id=f"{subject}:{version}",
        source="tests",
        type="tests",
        subject=subject,
        time=day(0),
        version=version,
        data=data,
    )


def received(snapshots: Sequence[Snapshot[Any]], part: Any) -> list[Received[Any]]:
    """As the pipeline hands them over: decoded to the part that is read."""
    raws = [msgspec.json.encode(one) for one in snapshots]
    return [Received(msgspec.json.decode(raw, type=Snapshot[part]), raw) for raw in raws]


class Bench:
    """One alerts service without its broker. Everything is settled unless a test says otherwise."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.settled: Clock = clock
        self.metrics = AlertMetrics(CollectorRegistry())
        self.acts = Acts(database, clock=clock, store=AlertsStore, metrics=self.metrics)
        self.use(parse_rules(RULES))

    def use(self, rules: RuleSet) -> None:
        """A process that was started with these rules."""
        settled = {"profile": self.settled, "score": self.settled}
        decider = Decider(Rulebook(rules), self.metrics, settled=settled)
        self.batches = Batches(decider, clock=self.clock, store=AlertsStore)
        self.timers = Timers(decider, database=self.database, store=AlertsStore, clock=self.clock, metrics=self.metrics)
        self.rollout = RuleRollout(decider, database=self.database, store=AlertsStore)

    async def apply_rules(self) -> None:
        while await self.rollout.step(self.clock.now()):
            pass

    async def profiles(self, *snapshots: Snapshot[Profile]) -> Outcome:
        """One batch of profiles, committed."""
        async with self.database.transaction() as connection:
            return await self.batches.on_profiles(connection, received(snapshots, ProfilePart))

    async def scores(self, *snapshots: Snapshot[Score]) -> Outcome:
        """One batch of scores, committed."""
        async with self.database.transaction() as connection:
            return await self.batches.on_scores(connection, received(snapshots, ScorePart))

    async def wake(self) -> int:
        """Everything that is due."""
        now, count = self.clock.now(), 0
        for step in (self.timers.wake_profiles, self.timers.wake_scores, self.timers.reopen_promised):
            while handled := await step(now):
                count += handled
        return count

    async def at(self, number: float) -> int:
        """Move the clock to a day and wake what is due."""
        self.clock.move_to(day(number))
        return await self.wake()

    async def alerts(self, **search: Any) -> list[Alert]:
        """Alerts in the store, oldest firing first."""
        async with self.database.connection() as connection:
            rows = await AlertsStore(connection).list_alerts(Search(**search), 1_000)
        return [row.alert for row in reversed(rows)]

    async def open_at(self, instant: datetime) -> int:
        async with self.database.connection() as connection:
            return await AlertsStore(connection).count_alerts(Search(open_at=instant))

    async def owed(self) -> set[str]:
        """Ids that are to be published by the relay."""
        async with self.database.connection() as connection:
            owed, _ = await PipelineStore(connection).list_due_to_publish(1_000)
            return set(owed)

    async def state(self) -> list[Alert]:
        """The valid alerts without what depends on the order of arrival."""
        return [
            replace(alert, history=(), cause_version=0, announce=True, succeeds=None)
            for alert in await self.alerts()
            if alert.condition != "retracted"
        ]
