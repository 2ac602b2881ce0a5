"""What webhooks are told of alerts and notifications, on a real database and over real HTTP."""

from shared.contracts.alert import Act
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.values import DAY, NOW, alert, id_of, profile
from tests.integration.notify.webhook_parts import FIRED, MINUTE, OVER, SEEN, WebhookParts, firing, verified
from tests.support.clock import ManualClock


async def test_every_transition_is_told_once_signed_and_without_personal_data(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    """A snapshot that skipped others tells all of its history; the same again tells nothing."""
    webhook = await hooks.subscribe(receiver.url(), "alert.fired", "alert.acknowledged")
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    last = firing("a", 5, FIRED, SEEN, OVER)
    for _ in range(2):
        await hooks.parts.alerts(last)
    await hooks.tell()
    bodies = [verified(came, webhook) for came in receiver.came]
    assert [body["type"] for body in bodies] == ["alert.fired", "alert.acknowledged"]
    assert [body["timestamp"] for body in bodies] == ["2026-07-19T23:59:00Z", "2026-07-20T00:00:00Z"]
    assert len({came.headers["webhook-id"] for came in receiver.came}) == 2
    data = bodies[1]["data"]
    assert (data["alert_id"], data["rule_id"], data["version"]) == (id_of("a"), "no-purchase-90d", 5)
    assert [act["act"] for act in data["history"]] == ["fired", "acknowledged", "resolved"]
    assert b"pii" not in receiver.came[1].body
    assert b"I call Jo" not in receiver.came[1].body
    assert receiver.came[0].headers["content-type"] == "application/json"


async def test_a_batch_that_is_rolled_back_tells_nothing(hooks: WebhookParts, receiver: Receiver) -> None:
    """Deliveries belong to the transaction that stores the alert."""
    webhook = await hooks.subscribe(receiver.url())
    try:
        async with hooks.database.transaction() as connection:
            await hooks.parts.handle_alerts(connection, firing("a", 1, FIRED))
            raise InterruptedError
    except InterruptedError:
        pass
    assert await hooks.statuses(webhook) == {}
    await hooks.parts.alerts(firing("a", 1, FIRED))
    assert await hooks.statuses(webhook) == {"alert.fired": "pending"}


async def test_notifications_are_told_of_each_status_that_matters(
    hooks: WebhookParts, receiver: Receiver, mailbox: Mailbox
) -> None:
    mailbox.tricks = {"jo@customers.example": ["never"]}
    webhook = await hooks.subscribe(receiver.url(), "notification.*", filters={"severities": ["warning"]})
    await hooks.subscribe(receiver.url("/critical"), "notification.*", filters={"severities": ["critical"]})
    await hooks.parts.profiles(profile("jo"))
    await hooks.parts.alerts(alert("a", "jo"))
    await hooks.parts.send_all()
    await hooks.tell()
    bodies = [verified(came, webhook) for came in receiver.at("/in")]
    assert sorted(body["type"] for body in bodies) == ["notification.failed", "notification.sent"]
    [sent] = [body["data"] for body in bodies if body["type"] == "notification.sent"]
    assert (sent["alert_id"], sent["step"], sent["status"]) == (id_of("a"), "owner", "sent")
    assert not receiver.at("/critical")


async def test_nothing_older_than_a_week_and_nothing_known_before_is_told(
    hooks: WebhookParts, receiver: Receiver, clock: ManualClock
) -> None:
    """An imported history is silent; what happened before the subscription and became known after it is told."""
    await hooks.parts.alerts(firing("before", 1, FIRED))
    clock.advance(MINUTE)
    webhook = await hooks.subscribe(receiver.url())
    clock.advance(MINUTE)
    old = Act(act="fired", at=NOW - 8 * DAY, by="ebbtide")
    late = Act(act="commented", at=clock.now(), by="ann")
    await hooks.parts.alerts(
        firing("history", 1, old, time=clock.now()),
        firing("before", 2, FIRED, late, time=clock.now()),
        firing("late", 1, FIRED, time=clock.now()),
    )
    assert await hooks.statuses(webhook) == {"alert.commented": "pending", "alert.fired": "pending"}
    assert (await hooks.get(webhook, "/deliveries?total=true"))["total"] == 2


async def test_types_added_later_are_told_of_what_follows(hooks: WebhookParts, receiver: Receiver) -> None:
    """What was known by then is not told after all, when the alert changes again."""
    webhook = await hooks.subscribe(receiver.url(), "alert.resolved")
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.ask("PATCH", f"/{webhook['webhook_id']}", {"types": ["alert.*"]})
    await hooks.parts.alerts(firing("a", 2, FIRED, SEEN))
    assert await hooks.statuses(webhook) == {"alert.acknowledged": "pending"}
