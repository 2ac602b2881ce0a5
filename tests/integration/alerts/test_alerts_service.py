"""The whole service: profiles and scores in, alerts out, and people who look and act."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from services.alerts.app import build
from services.alerts.settings import Settings
from shared.access import new_key
from shared.application import Application
from shared.clock import real_now
from shared.contracts import AccessKey, Principal
from shared.contracts.access import Scope
from shared.errors import ConfigurationError
from shared.ids import customer_id_of
from shared.kafka.topics import ACCESS, ALERTS, PROFILES, SCORES
from tests.integration.alerts.bench import RULES, profile, score, snapshot
from tests.support.builders import day, record
from tests.support.clock import ManualClock
from tests.support.stack import Lease, running
from tests.support.topics import last_per_key, publish
from tests.support.waiting import eventually


@pytest.fixture
async def service(lease: Lease, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Application]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    async with running(build(Settings(**await lease.settings("alerts", rules=rules)), clock=clock)) as app:
        yield app


@pytest.fixture
async def reader(lease: Lease, service: Application) -> AsyncIterator["Api"]:
    async for api in _api(lease, service, "looker", "alerts:read"):
        yield api


@pytest.fixture
async def writer(lease: Lease, service: Application) -> AsyncIterator["Api"]:
    async for api in _api(lease, service, "ann", "alerts:write", "alerts:read"):
        yield api


class Api:
    """The HTTP API as one principal calls it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str = "", **params: str) -> tuple[int, Any]:
        async with self._session.get(f"/v1/alerts{path}", params=params) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        async with self._session.post(f"/v1/alerts{path}", json=body) as answer:
            return answer.status, await answer.json(content_type=None)


async def _api(lease: Lease, service: Application, name: str, *scopes: Scope) -> AsyncIterator[Api]:
    key = new_key()
    principal = Principal(
        principal_id=name,
        name=name,
        kind="person",
        scopes=scopes,
        keys=(AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now()),),
    )
    await publish(lease, ACCESS, [record(snapshot(name, 1, principal))])
    base = f"http://127.0.0.1:{service.server.port}" if service.server else ""
    async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {key.secret}"}) as session:
        api = Api(session)

        async def known() -> bool:
            return (await api.get())[0] == 200

        await eventually(known, what=f"the key of {name}")
        yield api


async def silent_customers(lease: Lease, count: int) -> None:
    """Customers whose last purchase was on one of the first three days."""
    profiles = [profile((f"shop:{n}", n % 3), version=1, references=[f"shop:{n}"], owner="ann") for n in range(count)]
    await publish(lease, PROFILES, [record(one) for one in profiles])


async def listed(api: Api, count: int, **params: str) -> Any:
    """The first page once so many alerts are there."""

    async def look() -> Any:
        status, body = await api.get(total="true", **params)
        assert status == 200, body
        # Items are read before they are counted: one may be raised in between.
        return body if body["total"] == count == len(body["items"]) else None

    return await eventually(look, what=f"{count} alerts")


async def test_time_fires_and_a_purchase_resolves_on_the_topic(
    lease: Lease, service: Application, clock: ManualClock
) -> None:
    """What the topic says last is what the store says."""
    await publish(lease, PROFILES, [record(profile(("shop:1", 0), version=1))])

    async def foreseen() -> Any:
        async with service.database.connection() as connection:
            return await connection.fetchval("select next_at from subjects")

    assert await eventually(foreseen, what="the profile") == day(90)
    clock.move_to(day(91))

    async def condition() -> list[str]:
        return [alert.data.condition for alert in (await last_per_key(lease, ALERTS)).values()]

    async def fired() -> bool:
        return await condition() == ["firing"]

    async def resolved() -> bool:
        return await condition() == ["resolved"]

    await eventually(fired, what="the alert")
    await publish(lease, PROFILES, [record(profile(("shop:1", 0), ("shop:1", 91), version=2))])
    await eventually(resolved, what="its end")
    async with service.database.connection() as connection:
        ((alert_id, version, stored),) = await connection.fetch("select alert_id, version, snapshot from alerts")
    last = (await last_per_key(lease, ALERTS))[str(alert_id)]
    assert (last.version, msgspec.json.encode(last)) == (version, msgspec.json.encode(_typed(stored)))


def _typed(raw: bytes) -> Any:
    return msgspec.json.decode(raw, type=ALERTS.payload)


async def test_scores_raise_alerts_of_their_own(
    lease: Lease, service: Application, reader: Api, clock: ManualClock
) -> None:
    """Under the customer of the score, with the owner it names."""
    clock.move_to(day(50))
    customer = customer_id_of("shop:1")
    one = score(("shop:1", "high", 40, None), version=1, profile_version=1, customer_id=customer, owner="bob")
    await publish(lease, SCORES, [record(one)])
    body = await listed(reader, 1, owner="bob", severity="critical", customer_id=customer)
    assert body["items"][0]["evidence"]["facts"] == {"score": "churn_risk", "band": "high"}


async def test_lists_are_filtered_paged_and_counted(
    lease: Lease, service: Application, reader: Api, clock: ManualClock
) -> None:
    """Every page continues exactly after the last, in order, without doubles."""
    clock.move_to(day(100))
    await silent_customers(lease, 25)
    first = await listed(reader, 25)
    assert first["next_cursor"] is None
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        status, body = await reader.get(limit="10", **cursor)
        assert status == 200
        seen.extend(body["items"])
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
    assert len({item["alert_id"] for item in seen}) == 25
    assert [item["alert_id"] for item in seen] == [item["alert_id"] for item in first["items"]]
    assert sorted((item["fired_at"] for item in seen), reverse=True) == [item["fired_at"] for item in seen]
    assert {item["version"] > 0 for item in seen} == {True}
    for params, total in (
        ({"open_at": "2026-04-01T00:00:00Z"}, 0),
        ({"open_at": "2026-04-01T00:00:00.000001Z"}, 9),
        ({"open_at": "2026-04-02T08:00:00+08:00"}, 9),
        ({"open_at": "2026-04-10T00:00:00Z", "rule": "no-purchase-90d"}, 25),
        ({"rule": "churn-risk-high"}, 0),
        ({"condition": "firing", "handling": "open", "severity": "warning"}, 25),
        ({"condition": "resolved"}, 0),
        ({"customer_id": customer_id_of("shop:7")}, 1),
        ({"owner": "bob"}, 0),
    ):
        status, body = await reader.get(total="true", limit="1", **params)
        assert (status, body["total"]) == (200, total), params


async def test_bad_questions_are_refused_with_a_code(service: Application, reader: Api) -> None:
    """Nothing is guessed and nothing crashes."""
    for params in (
        {"limit": "0"},
        {"limit": "1001"},
        {"condition": "on fire"},
        {"open_at": "yesterday"},
        {"open_at": "2026-01-01T00:00:00"},
        {"customer_id": "x"},
        {"colour": "red"},
        {"cursor": "!"},
        {"cursor": "WyJhIiwiYiJd"},
    ):
        status, body = await reader.get(**params)
        assert (status, body["code"] in ("not_valid", "bad_cursor")) == (422, True), (params, body)
    assert (await reader.get("/00000000-0000-0000-0000-000000000000"))[0] == 404
    assert (await reader.get("/x"))[0] == 422
    status, body = await reader.post("/00000000-0000-0000-0000-000000000000/resolve", reason="done")
    assert (status, body["code"]) == (403, "missing_scope")


async def test_people_acknowledge_snooze_resolve_and_comment(
    lease: Lease, service: Application, writer: Api, clock: ManualClock
) -> None:
    """Each act is in the history with its principal, on the topic too; acts that make no sense are refused."""
    clock.move_to(day(100))
    await silent_customers(lease, 1)
    alert_id = (await listed(writer, 1))["items"][0]["alert_id"]
    until = "2026-05-01T00:00:00Z"
    status, body = await writer.post(f"/{alert_id}/acknowledge", until=until, comment="I call them")
    assert (status, body["handling"], body["handled_until"]) == (200, "acknowledged", until)
    act = body["history"][-1]
    assert (act["by"], act["pii"]["value"]) == ("ann", {"comment": "I call them"})
    assert (await writer.post(f"/{alert_id}/snooze", until=until))[1]["handling"] == "snoozed"
    refused = await writer.post(f"/{alert_id}/snooze", until="2026-01-01T00:00:00Z")
    assert (refused[0], refused[1]["code"], refused[1]["field"]) == (422, "until_passed", "until")
    assert (await writer.post(f"/{alert_id}/snooze"))[0] == 422
    assert (await writer.post(f"/{alert_id}/resolve", reason="gone", outcome="lost"))[0] == 422
    status, body = await writer.post(f"/{alert_id}/resolve", reason="moved away", outcome="churned")
    assert (status, body["handling"], body["outcome"], body["condition"]) == (200, "closed", "churned", "firing")
    status, body = await writer.post(f"/{alert_id}/resolve", reason="again")
    assert (status, body["code"]) == (409, "already_closed")
    assert (await writer.post("/00000000-0000-0000-0000-000000000000/resolve", reason="done"))[0] == 404
    status, body = await writer.post(f"/{alert_id}/comment", comment="she rang")
    assert (status, body["handling"], body["history"][-1]["act"]) == (200, "closed", "commented")
    assert body["history"][-1]["pii"]["value"] == {"comment": "she rang"}
    assert (await writer.post(f"/{alert_id}/comment", comment=""))[0] == 422
    status, shown = await writer.get(f"/{alert_id}")

    async def published() -> bool:
        return bool((await last_per_key(lease, ALERTS))[alert_id].version == shown["version"])

    await eventually(published, what="the acts on the topic")


async def test_the_api_describes_its_answers_and_errors(service: Application) -> None:
    """What a client is generated from."""
    base = f"http://127.0.0.1:{service.server.port}" if service.server else ""
    async with aiohttp.ClientSession(base) as session, session.get("/openapi.json") as answer:
        document = await answer.json()
    acts = document["paths"]["/v1/alerts/{alert_id}/acknowledge"]["post"]["responses"]
    assert {"200", "401", "403", "404", "409", "422", "503"} <= acts.keys()
    item = document["components"]["schemas"]["AlertItem"]["properties"]
    assert {"alert_id", "fired_at", "evidence", "history", "version"} <= item.keys()


async def test_bad_rules_are_told_at_once_before_anything_connects(lease: Lease, tmp_path: Path) -> None:
    """Every error, with its rule and field."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {id: a, when: {absent: customer.purchase, longer_than: 3d}, severity: warn}\n")
    settings = Settings(**await lease.settings("alerts", rules=rules))
    with pytest.raises(ConfigurationError, match=r"rule a, when\.longer_than[^$]*rule a, severity"):
        build(settings)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        build(settings.model_copy(update={"rules": tmp_path / "none.yaml"}))
