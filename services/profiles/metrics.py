"""What only this service counts."""

from prometheus_client import CollectorRegistry, Counter


class ProfileMetrics:
    """Registered on the registry passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.conflicts = Counter(
            "ebbtide_conflicts",
            "Interactions that came with another body under an identity already known; the first one stays.",
            registry=registry,
        )
        self.recomputed = Counter(
            "ebbtide_customers_recomputed",
            "Customers computed again from their whole timeline, by reason: late, policy.",
            ["reason"],
            registry=registry,
        )
