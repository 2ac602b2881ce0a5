"""The mail server is away, slow, or breaks off: what is tried again and when, what is lost (nothing), who waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.notify.domain.attempts import CUSTOMER_DEADLINE_SECONDS, RETRY_SECONDS, STAFF_DEADLINE_SECONDS
from services.notify.gateways.smtp import Limits
from shared.postgres import Database
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.parts import Parts
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.values import NOW, alert, id_of, profile
from tests.integration.notify.webhook_parts import FIRED, WebhookParts, firing
from tests.support.clock import ManualClock
from tests.support.providers.mail import Greeting, MailServer, Trick, open_mail_server
from tests.support.waiting import eventually

ADA = "ada.brandt@example.com"
JO = "jo@customers.example"
OWNER = (id_of("a"), "fired", "owner")
WIN_BACK = (id_of("a"), "fired", "win_back")
QUICK = Limits(answer=0.4, total=1.5)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with open_mail_server() as opened:
        yield opened


@pytest.fixture
async def parts(database: Database, clock: ManualClock, server: MailServer) -> AsyncIterator[Parts]:
    """Those of a process that hands in at `server`, with an alert for the owner and the customer."""
    made = Parts(database, clock, at(server))
    await made.profiles(profile("jo"))
    await made.alerts(alert("a", "jo"))
    yield made
    await made.gateway.close()


def at(server: MailServer) -> Mailbox:
    """Its place, as `Parts` is told it."""
    box = Mailbox()
    box.port = server.port
    return box


async def micros(parts: Parts) -> float:
    async with parts.database.connection() as connection:
        return float(await connection.fetchval("select extract(epoch from clock_timestamp())"))


async def due(parts: Parts) -> list[float]:
    """When what is not settled is to be tried again."""
    async with parts.database.connection() as connection:
        rows = await connection.fetch("select extract(epoch from due_at) from notifications where due_at is not null")
    return [float(row[0]) for row in rows]


async def age(parts: Parts, seconds: float) -> None:
    """Everything was planned so long ago."""
    async with parts.database.connection() as connection:
        await connection.execute(
            "update notifications set planned_at = planned_at - make_interval(secs => $1)", seconds
        )


async def test_a_server_that_is_away_is_asked_again_on_schedule_and_nothing_is_lost(
    parts: Parts, server: MailServer
) -> None:
    """Connections are refused for hours; in between nobody asks; each letter arrives once when it is back."""
    await server.close()
    for seconds in (*RETRY_SECONDS, RETRY_SECONDS[-1]):
        before = await micros(parts)
        await parts.send_all()
        after = await micros(parts)
        again = await due(parts)
        assert len(again) == 2
        assert all(before + seconds <= instant <= after + seconds for instant in again), seconds
        assert await parts.sender.step(NOW) == 0, "what is not due is left alone"
        await parts.hurry()
    await server.listen()
    await parts.send_all()
    assert await parts.states() == {OWNER: ("sent", None), WIN_BACK: ("sent", None)}
    assert sorted(letter.to for letter in server.letters) == [ADA, JO]


async def test_what_nobody_takes_in_time_expires_and_is_counted(parts: Parts, server: MailServer) -> None:
    """A win-back after a day, word to the owner after three; certainly not sent, and it says so."""
    await server.close()
    await age(parts, CUSTOMER_DEADLINE_SECONDS)
    await parts.send_all()
    assert await parts.states() == {OWNER: ("planned", "retrying"), WIN_BACK: ("failed", "expired")}
    await age(parts, STAFF_DEADLINE_SECONDS)
    await parts.hurry()
    await parts.send_all()
    assert await parts.states() == {OWNER: ("failed", "expired"), WIN_BACK: ("failed", "expired")}
    counted = parts.metrics.settled.labels(step="owner", status="failed", reason="expired")
    assert counted._value.get() == 1


@pytest.mark.parametrize("greeting", ["silent", "drip", "closed", "disabled"])
async def test_whatever_happens_before_the_text_is_handed_over_is_tried_again(
    parts: Parts, server: MailServer, greeting: Greeting
) -> None:
    """No greeting, one that takes for ever, 421, 554: nothing has arrived, so even the customer's is sent later."""
    parts.gateway._limits = QUICK
    server.greeting = greeting
    await parts.send_all()
    assert set((await parts.states()).values()) == {("planned", "retrying")}
    server.greeting = "open"
    parts.gateway._limits = Limits()
    await parts.hurry()
    await parts.send_all()
    assert set((await parts.states()).values()) == {("sent", None)}
    assert len(server.letters) == 2


@pytest.mark.parametrize("trick", ["cut", "mute", "dripped"])
async def test_what_broke_off_after_the_text_goes_to_staff_again_and_to_customers_never(
    parts: Parts, server: MailServer, trick: Trick
) -> None:
    """The connection is reset, there is no answer, or it never ends: the letter may have arrived."""
    parts.gateway._limits = QUICK
    server.tricks = {ADA: [trick], JO: [trick]}
    await parts.send_all()
    assert await parts.states() == {OWNER: ("planned", "retrying"), WIN_BACK: ("unknown", "outcome_unknown")}
    parts.gateway._limits = Limits()
    for _ in range(2):
        await parts.hurry()
        await parts.send_all()
    assert await parts.states() == {OWNER: ("sent", None), WIN_BACK: ("unknown", "outcome_unknown")}
    first, again = server.to(ADA)
    assert first.message_id == again.message_id
    assert len(server.to(JO)) == 1


async def test_whoever_stops_says_goodbye_to_the_mail_server(parts: Parts, server: MailServer) -> None:
    await parts.send_all()
    await parts.gateway.close()
    assert server.connections == server.goodbyes > 0


async def test_while_the_mail_server_says_nothing_webhooks_are_told(
    parts: Parts, server: MailServer, receiver: Receiver
) -> None:
    hooks = WebhookParts(parts, receiver)
    webhook = await hooks.subscribe(receiver.url())
    server.tricks = {ADA: ["held"], JO: ["held"]}
    sending = asyncio.create_task(parts.send_all())

    async def handed_over() -> bool:
        return len(server.letters) == 2

    await eventually(handed_over, what="two letters handed over")
    await parts.alerts(firing("b", 1, FIRED))
    await hooks.tell()
    assert await hooks.statuses(webhook) == {"alert.fired": "delivered"}
    assert not sending.done()
    server.gate.set()
    await sending
    assert set((await parts.states()).values()) == {("sent", None)}
