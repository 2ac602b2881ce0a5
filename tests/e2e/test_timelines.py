"""What happens to one customer, told from outside: over HTTP, in the mailbox."""

from datetime import datetime

from shared.kafka.topics import ALERTS, INTERACTIONS, NOTIFICATIONS, PROFILES, SCORES
from tests.support.timeline import Timeline
from tests.support.topics import last_per_key, read_all
from tests.support.world import World

OWNER = "ben.okafor@example.com"
RULE = "no-purchase-90d"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_ninety_days_of_silence_and_a_second_give_one_alert_one_mail_and_one_win_back(story: Timeline) -> None:
    """Not at ninety days sharp, and not twice."""
    await story.introduce()
    await story.post("purchase")
    await story.until(90)
    assert not [one for one in await story.alerts() if instant(one["fired_at"]) < story.day(90)]
    await story.until(90, seconds=1)
    [alert] = await story.alerts()
    assert (alert["rule_id"], alert["condition"], alert["handling"]) == (RULE, "firing", "open")
    assert instant(alert["fired_at"]) == story.day(90)
    assert alert["owner"] == "ben"
    assert await story.notifications() == {(RULE, "fired", "owner"): "sent", (RULE, "fired", "win_back"): "sent"}
    assert len(story.mails(OWNER)) == len(story.mails()) == 1
    await story.until(100)
    assert len(await story.alerts()) == len(story.mails(OWNER)) == len(story.mails()) == 1


async def test_a_purchase_resolves_the_alert_and_the_owner_hears_that_it_is_over(story: Timeline) -> None:
    """At the instant of the purchase, with the outcome retained."""
    await story.introduce()
    await story.post("purchase")
    await story.until(95)
    await story.post("purchase")
    [alert] = await story.alerts()
    assert (alert["condition"], alert["handling"], alert["outcome"]) == ("resolved", "closed", "retained")
    assert instant(alert["resolved_at"]) == story.day(95)
    assert (await story.notifications())[(RULE, "closed", "owner")] == "sent"
    assert len(story.mails(OWNER)) == 2
    assert len(story.mails()) == 1


async def test_a_late_purchase_retracts_the_alert_it_disproves(story: Timeline) -> None:
    """Who was told is told, and silence is counted from the purchase nobody knew of."""
    await story.introduce()
    await story.post("purchase")
    await story.until(95)
    await story.post("purchase", day=50)
    [alert] = await story.alerts()
    assert (alert["condition"], alert["outcome"]) == ("retracted", "false_alarm")
    assert (await story.notifications())[(RULE, "closed", "owner")] == "sent"
    await story.until(140, seconds=1)
    found = {one["condition"]: instant(one["fired_at"]) for one in await story.alerts(RULE)}
    assert found == {"retracted": story.day(90), "firing": story.day(140)}


async def test_a_complaint_alerts_at_once_and_until_it_is_resolved(story: Timeline) -> None:
    """No time passes in between."""
    await story.introduce()
    await story.post("complaint.opened", case="C-1")
    [alert] = await story.alerts()
    assert (alert["rule_id"], alert["condition"]) == ("complaint-opened", "firing")
    assert len(story.mails(OWNER)) == 1
    await story.until(2)
    await story.post("complaint.resolved", case="C-1")
    [alert] = await story.alerts()
    assert alert["condition"] == "resolved"
    assert instant(alert["resolved_at"]) == story.day(2)
    assert len(story.mails(OWNER)) == 2
    assert not story.mails()


async def test_an_acknowledged_alert_opens_again_when_the_promise_has_passed(story: Timeline) -> None:
    """Unless it has ended by then."""
    await story.post("complaint.opened", case="C-1")
    await story.post("complaint.opened", case="C-2")
    for alert in await story.alerts():
        await story.act(alert, "acknowledge", until=story.day(3), comment="I call her on Monday")
    assert {one["handling"] for one in await story.alerts()} == {"acknowledged"}
    await story.until(2)
    await story.post("complaint.resolved", case="C-2")
    await story.until(3, seconds=-1)
    assert sorted(one["handling"] for one in await story.alerts()) == ["acknowledged", "closed"]
    await story.until(3, seconds=1)
    [open_again] = [one for one in await story.alerts() if one["handling"] == "open"]
    assert [(act["act"], act["reason"]) for act in open_again["history"]][-1] == ("reopened", "promise_passed")
    assert sorted(one["handling"] for one in await story.alerts()) == ["closed", "open"]


async def test_who_follows_the_unsubscribe_link_gets_no_further_win_back(story: Timeline, world: World) -> None:
    """The next one is dropped and says why; the owner is still told."""
    await story.introduce()
    await story.post("purchase")
    await story.until(91)
    [mail] = story.mails()
    link = str(mail["List-Unsubscribe"]).strip("<>").removeprefix("https://shop.example")
    async with world.session.post(world.url("notify") + link, data={"List-Unsubscribe": "One-Click"}) as answer:
        assert answer.status == 200
    await story.until(100)
    await story.post("purchase")
    await story.until(191)
    [again, first] = await story.alerts(RULE)
    assert (first["condition"], again["condition"]) == ("resolved", "firing")
    decided = await world.get("notify", "/v1/notifications", alert_id=again["alert_id"])
    assert {one["step"]: one["reason"] for one in decided["items"]} == {"owner": None, "win_back": "unsubscribed"}
    assert len(story.mails()) == 1


async def test_churn_risk_is_high_from_the_exact_instant(story: Timeline) -> None:
    """A first-time buyer: 100 * (0.8 * r / 180 d + 0.2) reaches 70 at 112.5 days."""
    await story.post("purchase")
    await story.until(112.5, seconds=-1)
    assert (await story.score())["band"] == "medium"
    assert not await story.alerts("churn-risk-high")
    await story.until(112.5)
    risk = await story.score()
    assert (risk["band"], risk["value"]) == ("high", 70.0)
    assert sum(part["points"] for part in risk["contributions"]) == risk["value"]
    await story.until(112.5, seconds=1)
    [alert] = await story.alerts("churn-risk-high")
    assert instant(alert["fired_at"]) == story.day(112.5)
    assert alert["severity"] == "critical"
    await story.until(120)
    await story.post("purchase")
    [alert] = await story.alerts("churn-risk-high")
    assert instant(alert["resolved_at"]) == story.day(120)


async def test_one_correlation_id_goes_from_the_request_to_the_notification(story: Timeline, world: World) -> None:
    """Through every topic on the way."""
    await story.post("complaint.opened", correlation_id="trace-0123456789", case="C-1")
    told = {one.subject: one for _, one in await read_all(world.lease, INTERACTIONS)}
    assert told[story.reference].correlationid == "trace-0123456789"
    for topic in (PROFILES, SCORES, ALERTS, NOTIFICATIONS):
        found = await last_per_key(world.lease, topic)
        mine = [one.correlationid for one in found.values() if one.data.customer_id == story.customer_id]
        assert mine == ["trace-0123456789"], topic.name


async def test_linked_references_are_one_customer_with_one_history(story: Timeline, world: World) -> None:
    """The silence of one reference is not an alert when the other one buys; what was raised before goes away."""
    other = Timeline(world, story.reference.replace("shop:", "crm:"))
    await story.post("purchase")
    await story.until(60)
    await other.post("purchase")
    await story.until(91)
    assert [one["condition"] for one in await story.alerts(RULE)] == ["firing"]
    await story.post("linked", reference=other.reference)
    winner = min(story, other, key=lambda one: one.customer_id)
    assert (await winner.profile())["references"] == [other.reference, story.reference]
    assert [one["condition"] for one in await winner.alerts(RULE)] == ["retracted"]
    await story.until(150, seconds=1)
    assert sorted(one["condition"] for one in await winner.alerts(RULE)) == ["firing", "retracted"]
