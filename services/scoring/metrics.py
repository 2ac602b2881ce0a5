"""The metrics of scoring alone: each name with its sentence, registered on the registry passed in."""

from collections.abc import Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

LATENESS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 3600)


class ScoringMetrics:
    """Counts band changes by what made them, and how late time's own changes were noticed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.band_changes = Counter(
            "ebbtide_band_changes",
            "Customers who entered a band of churn risk, because of a new profile or of passing time.",
            ["band", "cause"],
            registry=registry,
        )
        self.transition_lateness = Histogram(
            "ebbtide_transition_lateness_seconds",
            "Business time from the instant a band changed to its snapshot being stored.",
            buckets=LATENESS_BUCKETS,
            registry=registry,
        )

    def count_changes(self, entered: Mapping[str, int], *, cause: Literal["profile", "time"]) -> None:
        """Book how many customers entered each band."""
        for band, customers in entered.items():
            self.band_changes.labels(band=band, cause=cause).inc(customers)
