"""What this service consumes, and who handles it."""

from services.profiles.handlers import ProfileHandlers
from shared.kafka.topics import INTERACTIONS
from shared.pipeline import Subscription


def interactions(handlers: ProfileHandlers) -> Subscription:
    return Subscription(topic=INTERACTIONS, group="profiles", handler=handlers.on_interactions)
