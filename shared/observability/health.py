"""Whether a process is alive, whether it is ready, and if not, what it waits for."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What it takes for a part to go on, the gravest last."""

    WAITING = "waiting"  # what is away comes back
    STOPPED = "stopped"  # somebody mends the cause; it is tried again all the time
    HALTED = "halted"  # somebody decides what is to be done without


class Reason(NamedTuple):
    """Why a part is not ready, in a few words."""

    text: str
    kind: Kind = Kind.WAITING


# Returns why the part is not ready, or None.
Check = Callable[[], Awaitable[Reason | None]]


def gravest(reasons: Mapping[str, Reason]) -> Kind:
    """Of at least one reason."""
    return max((reason.kind for reason in reasons.values()), key=[*Kind].index)


class Health:
    """Parts report themselves; readiness is that none has a reason not to be ready."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self.waiting_for: str | None = "start"

    def add(self, part: str, check: Check) -> None:
        self._checks[part] = check

    async def reasons(self) -> dict[str, Reason]:
        """Part to reason, empty when ready. While starting: what the start waits for, nothing else is asked."""
        if self.waiting_for is not None:
            return {"start": Reason(self.waiting_for)}
        reasons = {}
        for part, check in self._checks.items():
            if reason := await check():
                reasons[part] = reason
        return reasons
