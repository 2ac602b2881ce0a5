"""What is woken by time: alerts that waited for their contact, mail and webhooks that are due, acts owed to the log."""

from services.notify.timers.claims import Claims, Task
from services.notify.timers.deliveries import Deliveries
from services.notify.timers.outbox import Outbox
from services.notify.timers.sender import Sender
from services.notify.timers.upkeep import WebhookUpkeep
from services.notify.timers.waiting import WaitingAlerts

__all__ = ["Claims", "Deliveries", "Outbox", "Sender", "Task", "WaitingAlerts", "WebhookUpkeep"]
