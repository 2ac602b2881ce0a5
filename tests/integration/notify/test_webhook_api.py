"""/v1/webhooks: whose they are, what is refused and why, secrets, tests, redelivery, enabling."""

from typing import Any

from aiohttp import web
from standardwebhooks import Webhook as Verifier

from tests.integration.notify.receiver import Receiver
from tests.integration.notify.values import id_of
from tests.integration.notify.webhook_parts import FIRED, WebhookParts, firing


async def test_a_webhook_is_made_shown_changed_and_deleted(hooks: WebhookParts, receiver: Receiver) -> None:
    """The secret is told once, and what is stored cannot be read without EBBTIDE_SECRET."""
    made = await hooks.subscribe(
        receiver.url("/in?token=xyz"), "alert.fired", description="Chat", filters={"owners": ["lin"]}
    )
    assert made["secret"].startswith("whsec_")
    shown = await hooks.get(made)
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (shown["url"], shown["enabled"], shown["principal_id"]) == (receiver.url("/in?token=xyz"), True, "ann")
    assert shown["filters"] == {"rule_ids": [], "severities": [], "owners": ["lin"], "customer_ids": []}
    async with hooks.database.connection() as connection:
        row = repr(await connection.fetchrow("select * from webhooks"))
    assert made["secret"] not in row
    assert "token=xyz" not in row
    path = f"/{made['webhook_id']}"
    change: dict[str, Any] = {"description": None, "types": ["alert.*", "alert.*"], "filters": {}}
    changed = (await hooks.ask("PATCH", path, change)).json()
    assert (changed["description"], changed["types"]) == (None, ["alert.*"])
    assert changed["filters"] == {"rule_ids": [], "severities": [], "owners": [], "customer_ids": []}
    assert changed["url"] == shown["url"]
    assert (await hooks.ask("PATCH", path, {"url": receiver.url("/new")})).json()["url"] == receiver.url("/new")
    assert (await hooks.ask("DELETE", path)).status == 204
    assert (await hooks.ask("GET", path)).status == 404


async def test_others_see_and_change_nothing_and_admins_everything(hooks: WebhookParts, receiver: Receiver) -> None:
    hooks.allow("bob", "alerts:read")
    hooks.allow("root", "admin")
    hooks.allow("shop", "interactions:write")
    mine = await hooks.subscribe(receiver.url())
    path = f"/{mine['webhook_id']}"
    event = id_of("event")
    calls = [
        ("GET", path),
        ("PATCH", path),
        ("POST", f"{path}/secret"),
        ("POST", f"{path}/test"),
        ("GET", f"{path}/deliveries"),
        ("GET", f"{path}/deliveries/{event}"),
        ("POST", f"{path}/deliveries/{event}/redeliver"),
        ("DELETE", path),
    ]
    for method, where in calls:
        answer = await hooks.ask(method, where, {} if method == "PATCH" else None, who="bob")
        assert (answer.status, answer.json()["code"]) == (404, "not_found"), where
        assert (await hooks.ask(method, where, {} if method == "PATCH" else None, who="shop")).status == 403
    assert (await hooks.ask("GET", "", who="bob")).json()["items"] == []
    assert [one["webhook_id"] for one in (await hooks.ask("GET", "", who="root")).json()["items"]] == [
        mine["webhook_id"]
    ]
    assert (await hooks.ask("PATCH", path, {"enabled": False}, who="root")).json()["disabled_reason"] == "by_hand"
    assert not receiver.came


async def test_events_take_the_scope_of_what_they_are_about(hooks: WebhookParts, receiver: Receiver) -> None:
    hooks.allow("bob", "alerts:read")
    body = {"url": receiver.url(), "types": ["alert.fired", "notification.sent"]}
    answer = await hooks.ask("POST", "", body, who="bob")
    assert (answer.status, answer.json()["code"], answer.json()["field"]) == (403, "missing_scope", "types")
    assert (await hooks.ask("POST", "", body | {"types": ["alert.fired"]}, who="bob")).status == 201


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "https://10.0.0.1/"}, "url"),
    ({"url": "http://hooks.example.com/"}, "url"),
    ({"url": "https://localhost/"}, "url"),
    ({"url": ""}, "url"),
    ({"types": []}, "types"),
    ({"types": ["alert.exploded"]}, "types.0"),
    ({"filters": {"colours": ["red"]}}, "filters.colours"),
    ({"filters": {"severities": ["mild"]}}, "filters.severities.0"),
    ({"filters": {"owners": ["nobody"]}}, "filters.owners"),
    ({"filters": {"customer_ids": ["jo"]}}, "filters.customer_ids.0"),
    ({"filters": {"rule_ids": ["No Purchase"]}}, "filters.rule_ids.0"),
    ({"description": "a\x00b"}, "description"),
    ({"description": "a" * 201}, "description"),
    ({"secret": "whsec_mine"}, "secret"),
]


async def test_what_is_not_known_or_leads_inside_is_refused_by_name(hooks: WebhookParts, receiver: Receiver) -> None:
    """When it is made and when it is changed."""
    made = await hooks.subscribe(receiver.url())
    for change, field in REFUSED:
        for method, path in (("POST", ""), ("PATCH", f"/{made['webhook_id']}")):
            body = change if method == "PATCH" else {"url": receiver.url(), "types": ["alert.*"]} | change
            answer = await hooks.ask(method, path, body)
            assert (answer.status, answer.json()["field"]) == (422, field), answer.body


async def test_nobody_has_more_than_twenty(hooks: WebhookParts, receiver: Receiver) -> None:
    for _ in range(20):
        await hooks.subscribe(receiver.url())
    answer = await hooks.ask("POST", "", {"url": receiver.url(), "types": ["alert.*"]})
    assert (answer.status, answer.json()["code"]) == (409, "too_many_webhooks")
    hooks.allow("bob", "alerts:read")
    await hooks.subscribe(receiver.url(), who="bob")
    seen: list[str] = []
    cursor = ""
    while True:
        part = (await hooks.ask("GET", f"?limit=7&total=true{cursor}")).json()
        assert part["total"] == 20
        seen += [one["webhook_id"] for one in part["items"]]
        if part["next_cursor"] is None:
            break
        cursor = f"&cursor={part['next_cursor']}"
    assert len(set(seen)) == len(seen) == 20


async def test_after_a_rotation_both_secrets_verify_for_a_day(hooks: WebhookParts, receiver: Receiver) -> None:
    old = await hooks.subscribe(receiver.url())
    new = (await hooks.ask("POST", f"/{old['webhook_id']}/secret")).json()
    assert new["secret"] != old["secret"]
    assert new["previous_secret_until"] is not None
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    [came] = receiver.came
    assert len(came.headers["webhook-signature"].split()) == 2
    for secret in (old["secret"], new["secret"]):
        assert Verifier(secret).verify(came.body, dict(came.headers))


async def test_a_test_is_sent_at_once_and_says_what_the_receiver_said(hooks: WebhookParts, receiver: Receiver) -> None:
    """To a disabled webhook too; it leaves no delivery."""
    made = await hooks.subscribe(receiver.url())
    path = f"/{made['webhook_id']}"
    assert (await hooks.ask("PATCH", path, {"enabled": False})).status == 200
    receiver.answers["/in"] = web.Response(status=418, text="I am a teapot")
    said = (await hooks.ask("POST", f"{path}/test")).json()
    assert (said["outcome"], said["status"], said["answer"]) == ("refused", 418, "I am a teapot")
    body = Verifier(made["secret"]).verify(receiver.came[0].body, dict(receiver.came[0].headers))
    assert (body["type"], body["data"]) == ("webhook.test", {"webhook_id": made["webhook_id"]})
    assert receiver.came[0].headers["webhook-id"] == said["event_id"]
    assert (await hooks.get(made, "/deliveries"))["items"] == []


async def test_an_event_can_be_told_again_by_hand_under_its_id(hooks: WebhookParts, receiver: Receiver) -> None:
    made = await hooks.subscribe(receiver.url())
    path = f"/{made['webhook_id']}"
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    [item] = (await hooks.get(made, "/deliveries?status=delivered"))["items"]
    again = await hooks.ask("POST", f"{path}/deliveries/{item['event_id']}/redeliver")
    assert (again.status, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)
    await hooks.tell()
    assert [came.headers["webhook-id"] for came in receiver.came] == [item["event_id"]] * 2
    assert (await hooks.ask("POST", f"{path}/deliveries/{id_of('x')}/redeliver")).status == 404
    await hooks.ask("PATCH", path, {"enabled": False})
    refused = await hooks.ask("POST", f"{path}/deliveries/{item['event_id']}/redeliver")
    assert (refused.status, refused.json()["code"]) == (409, "webhook_disabled")


async def test_enabled_again_it_is_told_what_waited_but_for_what_waited_too_long(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    """What happened while it was disabled was never meant for it."""
    made = await hooks.subscribe(receiver.url())
    path = f"/{made['webhook_id']}"
    receiver.answers["/in"] = web.Response(status=500)
    for name in ("old", "new"):
        await hooks.parts.alerts(firing(name, 1, FIRED))
    await hooks.tell()
    await hooks.ask("PATCH", path, {"enabled": False})
    await hooks.hurry()
    await hooks.tell()
    await hooks.parts.alerts(firing("meanwhile", 1, FIRED))
    waiting = (await hooks.get(made, "/deliveries"))["items"]
    assert [(item["status"], item["attempts"]) for item in waiting] == [("pending", 1)] * 2
    old = waiting[1]["event_id"]
    await hooks.execute(
        f"update webhook_deliveries set created_at = created_at - interval '8 days' where event_id = '{old}'"
    )
    del receiver.answers["/in"]
    assert (await hooks.ask("PATCH", path, {"enabled": True})).json()["disabled_at"] is None
    await hooks.tell()
    items = {item["event_id"]: item["status"] for item in (await hooks.get(made, "/deliveries"))["items"]}
    assert items == {waiting[0]["event_id"]: "delivered", old: "dropped"}


async def test_what_was_sealed_elsewhere_is_shown_without_its_url_and_told_nothing(
    hooks: WebhookParts, receiver: Receiver
) -> None:
    """EBBTIDE_SECRET is another, or a row was swapped."""
    mine, other = await hooks.subscribe(receiver.url()), await hooks.subscribe(receiver.url("/other"))
    await hooks.execute(
        "update webhooks set sealed = (select sealed from webhooks"
        f" where webhook_id = '{other['webhook_id']}') where webhook_id = '{mine['webhook_id']}'"
    )
    path = f"/{mine['webhook_id']}"
    assert (await hooks.get(mine))["url"] is None
    assert (await hooks.ask("POST", f"{path}/secret")).json()["code"] == "unreadable"
    assert (await hooks.ask("POST", f"{path}/test")).status == 409
    await hooks.parts.alerts(firing("a", 1, FIRED))
    await hooks.tell()
    [item] = (await hooks.get(mine, "/deliveries"))["items"]
    assert item["last_result"]["outcome"] == "unreadable"
    assert len(receiver.came) == 1
