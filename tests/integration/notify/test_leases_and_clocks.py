"""Leases run by the database's clock; what is owed to the log is found however late it was committed."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from services.notify.store import NotifyStore
from services.notify.timers import Outbox
from shared.postgres import Database
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.parts import Parts
from tests.integration.notify.values import NOW, alert, profile
from tests.support.clock import ManualClock


async def test_an_attempt_is_leased_by_the_clock_of_the_database(database: Database, mailbox: Mailbox) -> None:
    """A process whose clock is a day ahead, or behind, takes nothing away from another."""
    first = Parts(database, ManualClock(NOW), mailbox)
    await first.profiles(profile("jo"))
    await first.alerts(alert("a", "jo"))
    assert len((await first.claims.claim(NOW, 10))[1]) == 2
    for ahead in (timedelta(days=1), -timedelta(days=1)):
        other = Parts(database, ManualClock(NOW + ahead), mailbox)
        assert await other.claims.claim(NOW + ahead, 10) == (0, [])
        await other.gateway.close()
    assert set((await first.states()).values()) == {("sending", "in_flight")}
    await first.gateway.close()


class Log:
    """Takes what it is given."""

    def __init__(self) -> None:
        self.taken: list[bytes | None] = []

    async def send(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.taken += [event for _, event in records]


async def test_an_act_that_is_committed_late_is_not_skipped(database: Database) -> None:
    """It was recorded before one that has been sent and struck off meanwhile."""
    log, recorded, go_on = Log(), asyncio.Event(), asyncio.Event()
    outbox = Outbox(database, NotifyStore, sender=log, topic="t")
    ids = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")

    async def act_slowly() -> None:
        async with database.transaction() as connection:
            await NotifyStore(connection).append_outbox({"id": ids[0], "subject": "shop:1"})
            recorded.set()
            await go_on.wait()

    slow = asyncio.create_task(act_slowly())
    await recorded.wait()
    async with database.transaction() as connection:
        await NotifyStore(connection).append_outbox({"id": ids[1], "subject": "shop:2"})
    assert await outbox.step(NOW) == 1
    go_on.set()
    await slow
    assert await outbox.step(NOW) == 1
    assert await outbox.step(NOW) == 0
    assert [ids[1].encode() in (event or b"") for event in log.taken] == [True, False]
