"""One batch from topic to topic (store, publish, check, commit): nothing lost, nothing counted twice.

The protocol is docs/adr/0003; the cause of an effect is dropped last.
"""

from shared.pipeline.decoding import Untouched
from shared.pipeline.pipeline import Pipeline
from shared.pipeline.publishing import OutcomePublisher, Relay, SnapshotPublisher, SnapshotStore
from shared.pipeline.records import Handler, Outcome, Publication, RawRecord, Received
from shared.pipeline.store import PipelineStore, append_to_publish
from shared.pipeline.subscription import Limits, Subscription
from shared.pipeline.timers import TimerLoop

__all__ = [
    "Handler",
    "Limits",
    "Outcome",
    "OutcomePublisher",
    "Pipeline",
    "PipelineStore",
    "Publication",
    "RawRecord",
    "Received",
    "Relay",
    "SnapshotPublisher",
    "SnapshotStore",
    "Subscription",
    "TimerLoop",
    "Untouched",
    "append_to_publish",
]
