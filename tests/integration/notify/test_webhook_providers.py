"""Receivers of webhooks that are away, slow, busy, or break off: when they are asked again, and under which id."""

from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from services.notify.domain.deliveries import ATTEMPT_SECONDS, JITTER, MAX_RETRY_AFTER_SECONDS, RETRY_SECONDS
from services.notify.gateways.webhooks import Limits
from shared.clock import real_now
from tests.integration.notify.parts import Parts
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.values import NOW
from tests.integration.notify.webhook_parts import FIRED, WebhookParts, firing
from tests.support.providers.web import Say, WebServer, open_web_server
from tests.support.waiting import eventually

QUICK = Limits(total=0.6, connect=0.3, body=0.2)
ORDINARY = RETRY_SECONDS[0]


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with open_web_server() as opened:
        yield opened


@pytest.fixture
async def hooks(parts: Parts, server: WebServer) -> AsyncIterator[WebhookParts]:
    made = WebhookParts(parts, Receiver(port=server.port))
    yield made
    server.gate.set()
    await made.deliveries.finish()


def url(server: WebServer, path: str = "/in") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


async def fire(hooks: WebhookParts, name: str = "a") -> None:
    await hooks.parts.alerts(firing(name, 1, FIRED))


async def waits(hooks: WebhookParts) -> tuple[float, float]:
    """Make the attempts that are due: the least and the most seconds from then to the next one."""
    async with hooks.database.connection() as connection:
        before = await connection.fetchval("select clock_timestamp()")
    await hooks.tell()
    async with hooks.database.connection() as connection:
        after = await connection.fetchval("select clock_timestamp()")
        due = await connection.fetchval("select due_at from webhook_deliveries")
    return (due - after).total_seconds(), (due - before).total_seconds()


async def delivery(hooks: WebhookParts, webhook: dict[str, Any]) -> dict[str, Any]:
    [item] = (await hooks.get(webhook, "/deliveries"))["items"]
    found: dict[str, Any] = item
    return found


async def test_a_receiver_that_is_away_is_asked_on_schedule_for_a_day(hooks: WebhookParts, server: WebServer) -> None:
    """Connections are refused: eight attempts, each wait as stated and at most a tenth longer, then it is disabled."""
    webhook = await hooks.subscribe(url(server))
    await server.close()
    await fire(hooks)
    for seconds in RETRY_SECONDS:
        least, most = await waits(hooks)
        assert most >= seconds
        assert least <= seconds * (1 + JITTER)
        assert await hooks.deliveries.step(NOW) == 0, "what is not due is left alone"
        await hooks.hurry()
    await hooks.tell()
    item = await delivery(hooks, webhook)
    assert (item["status"], item["attempts"]) == ("exhausted", len(RETRY_SECONDS) + 1)
    assert (await hooks.get(webhook))["disabled_reason"] == "failing"
    assert not server.requests


async def test_back_after_some_hours_it_is_told_what_it_missed_once(hooks: WebhookParts, server: WebServer) -> None:
    webhook = await hooks.subscribe(url(server))
    await server.close()
    for name in ("a", "b", "c"):
        await fire(hooks, name)
    for _ in range(4):
        await hooks.tell()
        await hooks.hurry()
    await server.listen()
    while len(server.requests) < 3:
        await hooks.hurry()
        await hooks.tell()
    assert await hooks.statuses(webhook) == {"alert.fired": "delivered"}
    assert len({request.id for request in server.requests}) == len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "value", "least", "most"),
    [
        (429, "120", 120, 120),
        (503, "120", 120, 120),
        (503, "0", ORDINARY, ORDINARY),
        (429, "999999999", MAX_RETRY_AFTER_SECONDS, MAX_RETRY_AFTER_SECONDS),
        (429, "9" * 300, ORDINARY, ORDINARY),
        (429, "-120", ORDINARY, ORDINARY),
        (503, "1e3", ORDINARY, ORDINARY),
        (503, "in a while", ORDINARY, ORDINARY),
        (503, "Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS, MAX_RETRY_AFTER_SECONDS),
        (503, "Fri, 31 Feb 2100 23:59:59 GMT", ORDINARY, ORDINARY),
        (503, "Wed, 21 Oct 2015 07:28:00 GMT", ORDINARY, ORDINARY),
        (503, "Wed, 21 Oct 2015 07:28:00 -0000", ORDINARY, ORDINARY),
        (500, "120", ORDINARY, ORDINARY),
    ],
)
async def test_who_says_when_to_come_again_is_obeyed_within_reason(
    hooks: WebhookParts, server: WebServer, status: int, value: str, least: float, most: float
) -> None:
    """Seconds or an instant, up to ten hours; never sooner than by the schedule, so never in a hot loop."""
    server.scripts["/in"] = [Say(status, {"Retry-After": value})]
    webhook = await hooks.subscribe(url(server))
    await fire(hooks)
    soonest, latest = await waits(hooks)
    assert latest >= least
    assert soonest <= most * (1 + JITTER)
    assert await hooks.deliveries.step(NOW) == 0
    assert len(server.requests) == 1
    await hooks.hurry()
    await hooks.tell()
    assert (await delivery(hooks, webhook))["status"] == "delivered"


async def test_an_instant_to_come_again_is_obeyed(hooks: WebhookParts, server: WebServer) -> None:
    at = real_now() + timedelta(hours=2)
    server.scripts["/in"] = [Say(503, {"Retry-After": format_datetime(at, usegmt=True)})]
    await hooks.subscribe(url(server))
    await fire(hooks)
    await hooks.tell()
    async with hooks.database.connection() as connection:
        due = await connection.fetchval("select due_at from webhook_deliveries")
    assert timedelta(seconds=-1) < due - at < timedelta(minutes=1)


@pytest.mark.parametrize("how", ["reset", "mute", "dripped"])
async def test_what_may_have_arrived_is_told_again_under_the_same_id(parts: Parts, server: WebServer, how: Any) -> None:
    """The request was read whole, and no answer came: at least once, and the receiver can tell that it is the same."""
    hooks = WebhookParts(parts, Receiver(port=server.port), limits=QUICK)
    server.scripts["/in"] = [Say(200, how=how)]
    webhook = await hooks.subscribe(url(server))
    await fire(hooks)
    await hooks.tell()
    item = await delivery(hooks, webhook)
    expected = "unreachable" if how == "reset" else "timed_out"
    assert (item["status"], item["last_result"]["outcome"]) == ("pending", expected)
    await hooks.hurry()
    await hooks.tell()
    assert (await delivery(hooks, webhook))["status"] == "delivered"
    first, again = server.requests
    assert (first.id, first.body) == (again.id, again.body)


async def test_a_receiver_that_recorded_and_said_500_is_told_again_under_the_same_id(
    hooks: WebhookParts, server: WebServer
) -> None:
    server.scripts["/in"] = [Say(500), Say(503)]
    webhook = await hooks.subscribe(url(server))
    await fire(hooks)
    for _ in range(3):
        await hooks.tell()
        await hooks.hurry()
    assert (await delivery(hooks, webhook))["status"] == "delivered"
    assert len(server.requests) == 3
    assert len({(request.id, request.body) for request in server.requests}) == 1


async def test_a_receiver_that_drips_is_given_up_on_and_delays_nobody_else(parts: Parts, server: WebServer) -> None:
    """The time for an attempt is for all of it, however often a byte comes; others are told meanwhile."""
    assert Limits().total == ATTEMPT_SECONDS == 15
    hooks = WebhookParts(parts, Receiver(port=server.port))
    server.scripts["/slow"] = [Say(how="held")] * 20
    await hooks.subscribe(url(server, "/slow"))
    quick = await hooks.subscribe(url(server, "/quick"))
    for number in range(20):
        await fire(hooks, f"a{number}")

    async def told() -> bool:
        await hooks.deliveries.step(NOW)
        delivered = await hooks.get(quick, "/deliveries?status=delivered&total=true")
        return bool(delivered["total"] == 20)

    await eventually(told, what="the quick receiver told of everything")
    assert len(server.at("/slow")) == 8, "so many may be under way to one receiver"
    server.gate.set()
    await hooks.tell()
    assert len(server.at("/slow")) == 20
