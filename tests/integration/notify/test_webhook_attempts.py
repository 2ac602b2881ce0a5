"""Attempts to reach receivers: again, in vain, beside each other, and what becomes of webhooks that fail."""

import asyncio
import json

from aiohttp import web

from services.notify.domain.deliveries import RETRY_SECONDS, Answer
from services.notify.domain.webhooks import Target
from services.notify.store import WebhookStore
from services.notify.timers import Deliveries
from shared.pipeline import TimerLoop
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.values import NOW
from tests.integration.notify.webhook_parts import FIRED, SEEN, WebhookParts, firing, verified
from tests.support.waiting import eventually


async def test_what_fails_is_told_again_under_the_same_id_with_the_same_body(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    """Signed anew each time; what the receiver said can be read."""
    receiver.answers["/in"] = web.Response(status=500, text="no\x00t today " + "x" * 1_000)
    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    [waiting] = (await hooks.get(webhook, "/deliveries?status=pending"))["items"]
    assert (waiting["attempts"], waiting["last_result"]["status"]) == (1, 500)
    assert waiting["last_result"]["answer"].startswith("no t today xxx")
    assert len(waiting["last_result"]["answer"]) == 200
    del receiver.answers["/in"]
    await hooks.hurry()
    await hooks.tell()
    first, again = receiver.came
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == waiting["event_id"]
    assert first.body == again.body
    assert verified(again, webhook)["type"] == "alert.fired"
    detail = await hooks.get(webhook, f"/deliveries/{waiting['event_id']}")
    assert (detail["status"], detail["attempts"]) == ("delivered", 2)
    assert [result["outcome"] for result in detail["results"]] == ["delivered", "refused"]
    assert detail["body"] == json.loads(first.body)


async def test_a_redirect_is_a_failure_and_is_never_followed(hooks: WebhookParts, receiver: Receiver) -> None:
    receiver.answers["/in"] = web.Response(status=302, headers={"Location": receiver.url("/elsewhere")})
    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    [item] = (await hooks.get(webhook, "/deliveries"))["items"]
    assert (item["status"], item["last_result"]["outcome"]) == ("pending", "redirected")
    assert not receiver.at("/elsewhere")


async def test_a_receiver_that_is_gone_is_disabled_at_once_and_somebody_is_told(
    hooks: WebhookParts, receiver: Receiver, mailbox: Mailbox
) -> None:
    """By mail to the default owner, owed until a mail server has taken it."""
    receiver.answers["/in"] = web.Response(status=410)
    webhook = await hooks.subscribe(receiver.url("/in?token=of-the-receiver"))
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    shown = await hooks.get(webhook)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
    assert shown["disabled_at"] is not None
    ada = "ada.brandt@example.com"
    mailbox.tricks = {ada: ["later", "cut"]}
    for _ in range(4):
        await hooks.upkeep.notify(NOW)
        await hooks.hurry()
    once, again = mailbox.to(ada)
    assert once["Subject"] == "Ebbtide: the webhook to 127.0.0.1 is disabled"
    assert once["Message-ID"] == again["Message-ID"]
    text = once.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert webhook["webhook_id"] in text
    assert "410" in text
    assert "of-the-receiver" not in text


async def exhaust(hooks: WebhookParts) -> None:
    for _ in range(len(RETRY_SECONDS) + 1):
        await hooks.tell()
        await hooks.hurry()


async def test_a_receiver_that_fails_for_a_day_is_disabled_and_one_that_only_stumbles_is_not(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    for path in ("/dead", "/picky"):
        receiver.answers[path] = web.Response(status=500)
    dead = await hooks.subscribe(receiver.url("/dead"))
    picky = await hooks.subscribe(receiver.url("/picky"))
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    del receiver.answers["/picky"]
    await hooks.parts.alerts(firing("b", 1, FIRED))
    await hooks.tell()
    receiver.answers["/picky"] = web.Response(status=500)
    await exhaust(hooks)
    assert (await hooks.get(dead))["disabled_reason"] == "failing"
    assert (await hooks.get(picky))["enabled"]
    assert (await hooks.get(picky, "/deliveries?status=exhausted&total=true"))["total"] == 1
    assert len(receiver.at("/dead")) in (15, 16), "eight attempts at each event, less what the disabling cut short"


async def test_who_lost_access_is_told_nothing_more(hooks: WebhookParts, receiver: Receiver) -> None:
    """Neither without a good key nor without the scope; what waited is there when access is back."""
    webhook = await hooks.subscribe(receiver.url())
    hooks.allow("ann", "notifications:read")
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    assert not receiver.came
    assert (await hooks.get(webhook))["disabled_reason"] == "access_lost"
    hooks.allow("ann", "alerts:read")
    assert (await hooks.ask("PATCH", f"/{webhook['webhook_id']}", {"enabled": True})).status == 200
    await hooks.tell()
    assert len(receiver.came) == 1
    hooks.allow("ann", "alerts:read", revoked=True)
    await hooks.parts.alerts(firing("b", 1, FIRED))
    await hooks.tell()
    assert len(receiver.came) == 1


async def test_a_receiver_that_does_not_answer_delays_nobody_else(hooks: WebhookParts, receiver: Receiver) -> None:
    """Of a slow one only so many attempts are under way, whatever waits for it."""
    await hooks.subscribe(receiver.url("/slow"), "alert.fired")
    await hooks.parts.alerts(*(firing(f"a{n}", 1, FIRED) for n in range(100)))
    receiver.gate.clear()
    await hooks.deliveries.step(NOW)
    assert await hooks.deliveries.step(NOW) == 0
    quick = await hooks.subscribe(receiver.url("/quick"), "alert.acknowledged")
    await hooks.parts.alerts(firing("b", 1, FIRED, SEEN))
    assert await hooks.deliveries.step(NOW) == 1

    async def asked() -> bool:
        return bool(receiver.at("/quick"))

    await eventually(asked, what="the quick receiver asked")
    assert len(receiver.at("/slow")) == 8
    receiver.gate.set()
    await hooks.tell()
    assert len(receiver.at("/slow")) == 101
    assert await hooks.statuses(quick) == {"alert.acknowledged": "delivered"}


async def test_when_a_sender_died_somebody_else_goes_on_after_its_lease(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    """The dead one's late answer changes nothing."""
    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED))
    receiver.gate.clear()
    await hooks.deliveries.step(NOW)

    async def asked() -> bool:
        return len(receiver.came) == 1

    await eventually(asked, what="the first attempt")
    other = other_process(hooks)
    assert await other.step(NOW) == 0
    await hooks.hurry()
    receiver.answers["/in"] = web.Response(status=500)
    assert await other.step(NOW) == 1
    receiver.gate.set()
    await other.finish()
    await hooks.deliveries.finish()
    [item] = (await hooks.get(webhook, "/deliveries"))["items"]
    assert (item["status"], item["attempts"]) == ("pending", 2)
    assert len((await hooks.get(webhook, f"/deliveries/{item['event_id']}"))["results"]) == 1


def other_process(hooks: WebhookParts) -> Deliveries:
    return Deliveries(
        hooks.database,
        WebhookStore,
        gateway=hooks.gateway,
        vault=hooks.vault,
        directory=hooks.directory,
        metrics=hooks.parts.metrics,
    )


async def test_a_service_that_stops_finishes_what_is_under_way(hooks: WebhookParts, receiver: Receiver) -> None:
    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED))
    receiver.gate.clear()
    loop = TimerLoop("deliveries", hooks.parts.clock, hooks.deliveries.step, finish=hooks.deliveries.finish)
    running = asyncio.create_task(loop.run())

    async def asked() -> bool:
        return len(receiver.came) == 1

    await eventually(asked, what="the receiver asked")
    running.cancel()
    receiver.gate.set()
    assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], asyncio.CancelledError)
    assert await hooks.statuses(webhook) == {"alert.fired": "delivered"}


async def test_a_defect_of_ours_counts_as_an_attempt(hooks: WebhookParts, receiver: Receiver) -> None:
    """Or it would come back after each lease for ever."""

    class Broken:
        async def send(self, target: Target, event_id: str, body: bytes) -> Answer:
            raise RuntimeError("a defect")

    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED))
    broken = Deliveries(
        hooks.database,
        WebhookStore,
        gateway=Broken(),
        vault=hooks.vault,
        directory=hooks.directory,
        metrics=hooks.parts.metrics,
    )
    await broken.step(NOW)
    await broken.finish()
    [item] = (await hooks.get(webhook, "/deliveries"))["items"]
    assert (item["status"], item["attempts"], item["last_result"]["outcome"]) == ("pending", 1, "unreachable")


async def test_old_deliveries_are_forgotten(hooks: WebhookParts, receiver: Receiver) -> None:
    """After 30 days of real time, whatever became of them."""
    webhook = await hooks.subscribe(receiver.url())
    await hooks.parts.alerts(firing("a", 1, FIRED), firing("b", 1, FIRED))
    first = (await hooks.get(webhook, "/deliveries"))["items"][0]["event_id"]
    await hooks.execute(
        f"update webhook_deliveries set created_at = created_at - interval '31 days' where event_id = '{first}'"
    )
    assert await hooks.upkeep.prune(NOW) == 1
    assert await hooks.upkeep.prune(NOW) == 0
    assert (await hooks.get(webhook, "/deliveries?total=true"))["total"] == 1
