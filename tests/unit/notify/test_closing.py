"""Attempts are closed in one transaction at a time, together with whatever ended meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import pytest

from services.notify.domain.attempts import Attempt, Outcome
from services.notify.timers.claims import Claims, Task
from services.notify.timers.closing import Closing
from tests.support.builders import day
from tests.support.clock import ManualClock

ENDED = Attempt(Outcome.DELIVERED, "250")


class Transactions:
    """In place of Claims: each waits to be let through, and fails when it is told so."""

    def __init__(self) -> None:
        self.closed: list[list[Any]] = []
        self.gates: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def complete(self, ended: Sequence[tuple[Any, Attempt]], now: datetime) -> None:
        self.closed.append([task for task, _ in ended])
        if error := await self.gates.get():
            raise error


async def begin(closing: Closing, *names: str) -> list[asyncio.Task[None]]:
    """Close what these stand for, in this order, each as far as it comes."""
    tasks = [asyncio.create_task(closing.close(cast(Task, name), ENDED)) for name in names]
    await asyncio.wait(tasks, timeout=0.01)
    return tasks


async def test_what_ends_during_a_transaction_shares_the_next_one() -> None:
    transactions = Transactions()
    closing = Closing(cast(Claims, transactions), ManualClock(day(0)))
    tasks = await begin(closing, "a", "b", "c")
    assert transactions.closed == [["a"]]
    for _ in range(2):
        transactions.gates.put_nowait(None)
    await asyncio.gather(*tasks)
    assert transactions.closed == [["a"], ["b", "c"]]


async def test_a_failure_is_told_to_all_it_concerns_and_to_nobody_else() -> None:
    transactions = Transactions()
    closing = Closing(cast(Claims, transactions), ManualClock(day(0)))
    first, *others = await begin(closing, "a", "b", "c")
    transactions.gates.put_nowait(None)
    transactions.gates.put_nowait(ConnectionError("gone"))
    await first
    for one in others:
        with pytest.raises(ConnectionError):
            await one


async def test_who_gives_up_leaves_the_others_to_be_closed() -> None:
    transactions = Transactions()
    closing = Closing(cast(Claims, transactions), ManualClock(day(0)))
    first, second, third = await begin(closing, "a", "b", "c")
    transactions.gates.put_nowait(None)
    await first
    await asyncio.wait([second], timeout=0.01)
    second.cancel()
    await asyncio.wait([second])
    transactions.gates.put_nowait(None)
    await third
    assert transactions.closed[-1] == ["b", "c"]
