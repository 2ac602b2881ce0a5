"""What happens because time passes, rules change, or everything stands still."""

from services.alerts.timers.rollout import RuleRollout
from services.alerts.timers.standstill import Standstill
from services.alerts.timers.waking import Timers

__all__ = ["RuleRollout", "Standstill", "Timers"]
