"""The language between services: frozen records, no behaviour, no I/O.

Read tolerantly (unknown fields are ignored, so a newer writer does not stop an older reader), typed strictly
(`"7"` is not 7). Every topic carries CloudEvents 1.0 in structured mode: `Interaction` is such an event itself,
the entities travel as the `data` of a `Snapshot`.
"""

from shared.contracts.access import AccessKey, Principal
from shared.contracts.alert import Act, Alert, Evidence
from shared.contracts.envelope import Snapshot
from shared.contracts.interaction import Anchor, InboundEvent, Interaction, Pii
from shared.contracts.notification import Notification
from shared.contracts.profile import (
    Aggregates,
    Attribute,
    Case,
    Consent,
    Gap,
    History,
    LifecycleChange,
    Owner,
    Profile,
    Survey,
    Watermark,
)
from shared.contracts.score import BandSpell, Contribution, KindScore, Model, Score
from shared.contracts.settled import Settled

__all__ = [
    "AccessKey",
    "Act",
    "Aggregates",
    "Alert",
    "Anchor",
    "Attribute",
    "BandSpell",
    "Case",
    "Consent",
    "Contribution",
    "Evidence",
    "Gap",
    "History",
    "InboundEvent",
    "Interaction",
    "KindScore",
    "LifecycleChange",
    "Model",
    "Notification",
    "Owner",
    "Pii",
    "Principal",
    "Profile",
    "Score",
    "Settled",
    "Snapshot",
    "Survey",
    "Watermark",
]
