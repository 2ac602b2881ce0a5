"""The metrics every pipeline has: each name with its sentence, registered on the registry passed in."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.pipeline.records import Outcome

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class PipelineMetrics:
    """At rest, per topic, `read = applied + duplicate + stale + refused + dead + dropped`; the rest is in flight."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.read = Counter(
            "ebbtide_records_read", "Records read from a topic and admitted.", ["topic"], registry=registry
        )
        self.handled = Counter(
            "ebbtide_records_handled",
            "Records whose effects are stored and published, by outcome: applied, duplicate, stale, refused, dead.",
            ["topic", "outcome"],
            registry=registry,
        )
        self.dropped = Counter(
            "ebbtide_records_dropped",
            "Records put back unhandled because their partition was reassigned; the next owner reads them.",
            ["topic"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "ebbtide_records_in_flight", "Records read and not yet published.", ["topic"], registry=registry
        )
        self.lag = Gauge(
            "ebbtide_lag_records",
            "Records between the end of a partition and what is read of it.",
            ["topic", "partition"],
            registry=registry,
        )
        self.oldest_age = Gauge(
            "ebbtide_oldest_unprocessed_age_seconds",
            "Age of the oldest record that was read and is not yet published.",
            ["topic"],
            registry=registry,
        )
        self.seconds = Histogram(
            "ebbtide_batch_seconds",
            "Time a batch spends in a stage.",
            ["topic", "stage"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.taken_apart = Counter(
            "ebbtide_batches_taken_apart",
            "Batches that failed and were taken apart to find the records that cannot be handled.",
            ["topic"],
            registry=registry,
        )
        self.no_progress = Gauge(
            "ebbtide_no_progress_seconds",
            "For how long a topic has work and does not get on. At the watchdog's limit the process ends.",
            ["topic"],
            registry=registry,
        )
        self.relayed = Counter(
            "ebbtide_relayed",
            "Snapshots published because a timer, the API or a merge changed them.",
            registry=registry,
        )
        self.too_large = Counter(
            "ebbtide_snapshots_too_large",
            "Snapshots that no record of their topic can hold, and which were therefore not published.",
            ["topic"],
            registry=registry,
        )
        self.owed = Gauge(
            "ebbtide_to_publish",
            "Snapshots changed by a timer, the API or a merge and not yet published.",
            registry=registry,
        )
        self.unsettled = Gauge(
            "ebbtide_unsettled_seconds",
            "Business time of which it is not known yet whether everything accepted in it has arrived from a topic.",
            ["topic"],
            registry=registry,
        )
        self.dead_letters = Gauge(
            "ebbtide_dead_letters",
            "Records set aside and neither replayed nor dropped since; counted up to 10,000.",
            registry=registry,
        )

    def count(self, topic: str, outcome: Outcome, *, dead: int) -> None:
        """Book one finished batch."""
        for name, number in (
            ("applied", outcome.applied),
            ("duplicate", outcome.duplicate),
            ("stale", outcome.stale),
            ("refused", outcome.refused),
            ("dead", dead),
        ):
            if number:
                self.handled.labels(topic=topic, outcome=name).inc(number)
