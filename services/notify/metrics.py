"""The metrics of notify alone: each name with its sentence, registered on the registry passed in."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.notify.domain.attempts import Attempt
from services.notify.domain.entities import Notification
from services.notify.domain.webhooks import Disabled

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 45)


class NotifyMetrics:
    """Counts what became of notifications, and attempts by how they ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.settled = Counter(
            "ebbtide_notifications_settled",
            "Notifications that need nothing more, by step, status and the reason they were not sent for.",
            ["step", "status", "reason"],
            registry=registry,
        )
        self.attempts = Counter(
            "ebbtide_notification_attempts", "Attempts at delivery, by how they ended.", ["outcome"], registry=registry
        )
        self.attempt_seconds = Histogram(
            "ebbtide_notification_attempt_seconds",
            "Time one attempt at delivery took.",
            buckets=BUCKETS,
            registry=registry,
        )
        self.leases_lost = Counter(
            "ebbtide_notification_leases_lost",
            "Attempts that ended after their lease, so that somebody else had gone on.",
            registry=registry,
        )
        self.webhook_events = Counter(
            "ebbtide_webhook_events", "Events owed to webhooks, once for each of them.", registry=registry
        )
        self.webhook_attempts = Counter(
            "ebbtide_webhook_attempts",
            "Attempts to reach a webhook, by how they ended.",
            ["outcome"],
            registry=registry,
        )
        self.webhook_attempt_seconds = Histogram(
            "ebbtide_webhook_attempt_seconds",
            "Time one attempt to reach a webhook took.",
            buckets=BUCKETS,
            registry=registry,
        )
        self.webhook_settled = Counter(
            "ebbtide_webhook_settled",
            "Deliveries to webhooks that need nothing more, by status.",
            ["status"],
            registry=registry,
        )
        self.webhooks_disabled = Counter(
            "ebbtide_webhooks_disabled", "Webhooks that were disabled, by reason.", ["reason"], registry=registry
        )
        for reason in Disabled:  # shown from the start, so that the very first is an increase
            self.webhooks_disabled.labels(reason=reason)
        self.unsubscribed = Counter("ebbtide_unsubscribed", "Unsubscriptions through our own links.", registry=registry)

    def count_settled(self, notification: Notification) -> None:
        """Book a notification that has come to an end."""
        self.settled.labels(
            step=notification.step, status=notification.status, reason=notification.reason or "none"
        ).inc()

    def count_attempt(self, attempt: Attempt, seconds: float) -> None:
        """Book one attempt."""
        self.attempts.labels(outcome=attempt.outcome).inc()
        self.attempt_seconds.observe(seconds)
