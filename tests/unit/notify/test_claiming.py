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
    """In place of Claims: this much is due, and none of it takes an attempt."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.looked_at: list[int] = []

    async def claim(self, now: datetime, attempts: int, *, decisions: int) -> tuple[int, list[Task]]:
        self.looked_at.append(decisions)
        decided = min(self.count, decisions)
        self.count -= decided
        return decided, []


async def looks_at(due: Due) -> list[int]:
    sender = Sender(
        cast(Claims, due), cast(Mailer, None), clock=ManualClock(day(0)), metrics=NotifyMetrics(CollectorRegistry())
    )
    while await sender.step(day(0)):
        pass
    return due.looked_at


async def test_a_claim_looks_at_twice_as_many_as_the_one_before_decided_within_bounds() -> None:
    assert await looks_at(Due(1_200)) == [40, 80, 160, 320, 400, 400, 400]
    assert await looks_at(Due(25)) == [40, 50]
    assert await looks_at(Due(3)) == [40, 40]
