"""What alerts consumes: profiles for activity and event rules, scores for score rules. Only the parts rules look at."""

from services.alerts.domain.snapshots import ProfilePart, ScorePart
from services.alerts.handlers import Batches
from shared.contracts import Snapshot
from shared.kafka.topics import PROFILES, SCORES
from shared.pipeline import Subscription

GROUP = "alerts"


def subscriptions(batches: Batches) -> tuple[Subscription, ...]:
    """Everything this service subscribes to; each topic has its own group, so that one cannot hold up the other."""
    return (
        Subscription(
            topic=PROFILES, group=f"{GROUP}-profiles", handler=batches.on_profiles, contract=Snapshot[ProfilePart]
        ),
        Subscription(topic=SCORES, group=f"{GROUP}-scores", handler=batches.on_scores, contract=Snapshot[ScorePart]),
    )
