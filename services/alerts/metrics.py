"""The metrics of alerts alone: each name with its sentence, registered on the registry passed in."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.alerts.domain.decide import Decision

LATENESS_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)


class AlertMetrics:
    """Counts decisions by rule and reason, acts of people, and how late timers wake."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decisions = Counter(
            "ebbtide_alert_decisions",
            "Decisions about alerts, by rule, kind (raise, resolve, amend, retract, reinstate) and reason.",
            ["rule", "kind", "reason"],
            registry=registry,
        )
        self.acts = Counter(
            "ebbtide_alert_acts",
            "Acts of people on alerts, by outcome: done, or the code they were refused with.",
            ["act", "outcome"],
            registry=registry,
        )
        self.woken = Counter(
            "ebbtide_alert_timers_woken",
            "Customers and alerts handled because time passed.",
            ["timer"],
            registry=registry,
        )
        self.lateness = Histogram(
            "ebbtide_alert_timer_lateness_seconds",
            "Business time between the instant at which a customer was due and its handling.",
            buckets=LATENESS_BUCKETS,
            registry=registry,
        )

    def count(self, decisions: Sequence[Decision]) -> None:
        """Book decisions."""
        tally = Tally((decision.alert.rule_id, decision.kind, decision.reason) for decision in decisions)
        for (rule, kind, reason), number in tally.items():
            self.decisions.labels(rule=rule, kind=kind, reason=reason).inc(number)
