"""What is woken by time: alerts that waited for their contact, mail that is due, acts owed to the log."""

from services.notify.timers.claims import Claims, Task
from services.notify.timers.outbox import Outbox
from services.notify.timers.sender import Sender
from services.notify.timers.waiting import WaitingAlerts

__all__ = ["Claims", "Outbox", "Sender", "Task", "WaitingAlerts"]
