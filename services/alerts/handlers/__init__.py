"""What happens to a batch, to what is due, and to the acts of people: load, decide in values, store."""

from services.alerts.handlers.acts import Acts, Change
from services.alerts.handlers.batches import Batches
from services.alerts.handlers.deciding import Decided, Decider
from services.alerts.handlers.rulebook import Rulebook
from services.alerts.handlers.storage import AlertStore, DueSubject, Held, Kept, OpenStore, Search, Stored

__all__ = [
    "Acts",
    "AlertStore",
    "Batches",
    "Change",
    "Decided",
    "Decider",
    "DueSubject",
    "Held",
    "Kept",
    "OpenStore",
    "Rulebook",
    "Search",
    "Stored",
]
