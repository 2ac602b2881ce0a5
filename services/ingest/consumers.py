"""What ingest consumes, and who handles and publishes it."""

from services.ingest.handlers.inbound import Inbound
from shared.kafka.topics import INBOUND
from shared.pipeline import OutcomePublisher, Subscription, Untouched

# Others write as it happens, a few records each; a batch that is worth its transaction may wait this long.
GATHER_MS = 100


def inbound(handlers: Inbound, publisher: OutcomePublisher) -> Subscription:
    """What other systems write to Kafka; accepted interactions leave through `publisher`."""
    return Subscription(
        topic=INBOUND,
        group="ingest",
        handler=handlers.on_records,
        decoder=Untouched(),
        publisher=publisher,
        gather_ms=GATHER_MS,
    )
