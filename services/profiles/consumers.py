"""What this service consumes, and who handles it."""

from services.profiles.handlers import ProfileHandlers
from shared.kafka.topics import INTERACTIONS
from shared.pipeline import Subscription

# Ingest writes as requests come, a few records each. What is gathered here spares everybody downstream as well.
GATHER_MS = 120


def interactions(handlers: ProfileHandlers) -> Subscription:
    return Subscription(topic=INTERACTIONS, group="profiles", handler=handlers.on_interactions, gather_ms=GATHER_MS)
