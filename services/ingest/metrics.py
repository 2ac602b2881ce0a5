"""The metrics of ingest alone: each name with its sentence, registered on the registry passed in."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class IngestMetrics:
    """Counts events, by what became of them, and requests that could not be answered for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter(
            "ebbtide_interactions_accepted",
            "Interactions taken: acknowledged by the broker, or spooled.",
            registry=registry,
        )
        self.refused = Counter(
            "ebbtide_interactions_refused", "Events refused, by the code in the answer.", ["code"], registry=registry
        )
        self.quarantined = Counter(
            "ebbtide_quarantined",
            "Records of the inbound topic that were refused and set aside, by code.",
            ["code"],
            registry=registry,
        )
        self.settled = Counter(
            "ebbtide_quarantine_settled",
            "Records in quarantine that people resubmitted or discarded, by act.",
            ["act"],
            registry=registry,
        )
        self.pruned = Counter(
            "ebbtide_quarantine_pruned",
            "Records in quarantine that were forgotten because of their age, by what they were; open: nobody looked.",
            ["status"],
            registry=registry,
        )
        self.spooled = Counter(
            "ebbtide_interactions_spooled",
            "Interactions accepted while the broker was silent, and stored to be sent later.",
            registry=registry,
        )
        self.spool = Gauge(
            "ebbtide_spool_interactions", "Interactions that are stored and not yet on the topic.", registry=registry
        )
        self.unknown = Counter(
            "ebbtide_interactions_unknown",
            "Interactions whose acknowledgement did not come in time; the caller was told to repeat them.",
            registry=registry,
        )
        self.limited = Counter(
            "ebbtide_requests_limited",
            "Requests turned away: their principal sends too much.",
            registry=registry,
        )
        self.acknowledged_seconds = Histogram(
            "ebbtide_acknowledged_seconds",
            "Time from the first byte of a group of interactions handed to the broker to its acknowledgement.",
            buckets=BUCKETS,
            registry=registry,
        )

    def count(self, accepted: int, refused: Sequence[str]) -> None:
        """Book one answered request."""
        if accepted:
            self.accepted.inc(accepted)
        for code in refused:
            self.refused.labels(code=code).inc()
