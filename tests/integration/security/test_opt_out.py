"""Who has said no gets nothing, however far a message to them had come."""

import pytest

from services.notify.store import NotifyStore
from tests.integration.notify.conftest import clock, database, mailbox, parts
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.parts import Parts
from tests.integration.notify.values import NOW, alert, id_of, profile

__all__ = ["clock", "database", "mailbox", "parts"]
JO = "jo@customers.example"


@pytest.mark.parametrize("planned_first", [True, False])
async def test_nothing_is_sent_after_an_opt_out(parts: Parts, mailbox: Mailbox, planned_first: bool) -> None:
    """Neither what was planned before it nor what the mail server put off: it is read again for each attempt."""
    mailbox.tricks = {JO: ["later"]}
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo"))
    if not planned_first:
        await parts.send_all()
    async with parts.database.transaction() as connection:
        assert await NotifyStore(connection).append_suppression(id_of("jo"), NOW)
    await parts.hurry()
    await parts.send_all()
    assert (await parts.states())[id_of("a"), "fired", "win_back"] == ("dropped", "unsubscribed")
    assert mailbox.to(JO) == []
    assert mailbox.tricks[JO] == (["later"] if planned_first else [])
