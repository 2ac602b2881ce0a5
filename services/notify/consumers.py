"""What notify subscribes to."""

from services.notify.domain.snapshots import AlertPart, ProfilePart
from services.notify.handlers import Planning
from shared.contracts import Snapshot
from shared.kafka.topics import ALERTS, PROFILES
from shared.pipeline import Subscription

GROUP = "notify"
# Contacts may follow a little later, in fewer batches: an alert that needs a newer one waits for it.
CONTACTS_GATHER_MS = 250


def subscriptions(planning: Planning) -> tuple[Subscription, ...]:
    """Contacts and alerts; of both only the parts that notifications depend on are decoded."""
    return (
        Subscription(
            topic=PROFILES,
            group=f"{GROUP}-profiles",
            contract=Snapshot[ProfilePart],
            handler=planning.on_profiles,
            gather_ms=CONTACTS_GATHER_MS,
        ),
        Subscription(topic=ALERTS, group=f"{GROUP}-alerts", contract=Snapshot[AlertPart], handler=planning.on_alerts),
    )
