"""What scoring reads: profiles, in the group `scoring`."""

from services.scoring.handlers import ProfilePart
from shared.contracts import Snapshot
from shared.kafka.topics import PROFILES
from shared.pipeline import Handler, Subscription

# Scores move slowly: a quarter of a second more makes fewer batches here and in alerts.
GATHER_MS = 250


def profiles(handler: Handler) -> Subscription:
    """The subscription to `profiles.v1`; of each profile only the part that scores follow from is decoded."""
    return Subscription(
        topic=PROFILES, group="scoring", handler=handler, contract=Snapshot[ProfilePart], gather_ms=GATHER_MS
    )
