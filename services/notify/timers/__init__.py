"""What is woken by time: alerts that waited for their contact, and mail that is due."""

from services.notify.timers.claims import Claims, Task
from services.notify.timers.sender import Sender
from services.notify.timers.waiting import WaitingAlerts

__all__ = ["Claims", "Sender", "Task", "WaitingAlerts"]
