"""How much a claim looks at: what is looked at and not decided is read for nothing."""

from datetime import datetime
from typing import cast

from prometheus_client import CollectorRegistry

from services.notify.metrics import NotifyMetrics
from services.notify.timers.claims import Claims, Task
from services.notify.timers.sender import Mailer, Sender
from tests.support.builders import day
from tests.support.clock import ManualClock


class Due:
    """In place of Claims: this much is due, none of it takes an attempt, and the first is locked by another process."""

    def __init__(self, count: int, *, locked: int = 0) -> None:
        self.count = count
        self.locked = locked
        self.looked_at: list[int] = []

    async def claim(self, now: datetime, attempts: int, *, decisions: int) -> tuple[int, list[Task]]:
        self.looked_at.append(decisions)
        decided = max(min(self.count, decisions - self.locked), 0)
        self.count -= decided
        return decided, []


async def looks_at(due: Due) -> list[int]:
    sender = Sender(
        cast(Claims, due), cast(Mailer, None), clock=ManualClock(day(0)), metrics=NotifyMetrics(CollectorRegistry())
    )
    while due.count:
        await sender.step(day(0))
    return due.looked_at


async def test_a_claim_looks_at_twice_as_many_as_the_one_before_decided_within_bounds() -> None:
    assert await looks_at(Due(1_200)) == [40, 80, 160, 320, 400, 400]
    assert await looks_at(Due(41)) == [40, 80]
    assert await looks_at(Due(3)) == [40]


async def test_a_claim_looks_past_what_another_process_holds() -> None:
    assert await looks_at(Due(25, locked=100)) == [40, 80, 160]
