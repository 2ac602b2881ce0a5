"""Whether a process is alive, whether it is ready, and if not, what it waits for."""

from collections.abc import Awaitable, Callable
from typing import Literal

# Returns why the part is not ready, in a few words, or None.
Check = Callable[[], Awaitable[str | None]]


# In the reason of what will not go on by itself, such as a partition whose records are gone.
HALTED = " is halted: "


def kind_of(reason: str) -> Literal["halted", "waiting"]:
    """Whether a reason goes away by itself."""
    return "halted" if HALTED in reason else "waiting"


class Health:
    """Parts report themselves; readiness is that none has a reason not to be ready."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self.waiting_for: str | None = "start"

    def add(self, part: str, check: Check) -> None:
        self._checks[part] = check

    async def reasons(self) -> dict[str, str]:
        """Part to reason, empty when ready. While starting: what the start waits for, nothing else is asked."""
        if self.waiting_for is not None:
            return {"start": self.waiting_for}
        reasons = {}
        for part, check in self._checks.items():
            if reason := await check():
                reasons[part] = reason
        return reasons
