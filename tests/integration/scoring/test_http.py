"""The API of scoring, as its callers see it."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from services.scoring.http import ExplainedScore, routes
from services.scoring.store import ScoringStore
from shared.access import Directory, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Score, Snapshot
from shared.contracts.access import Scope
from shared.http.app import create_app
from tests.integration.scoring.conftest import Scoring
from tests.integration.scoring.profiles import customer, profile
from tests.support.asgi import Answer, call
from tests.support.builders import day

Get = Callable[..., Awaitable[Answer]]


def principal(directory: Directory, scope: Scope) -> str:
    """A new key with this scope."""
    key = new_key()
    access = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now())
    data = Principal(principal_id=scope, name=scope, kind="system", scopes=(scope,), keys=(access,))
    now = real_now()
    snapshot = Snapshot(
        id=scope, source="ebbtide/ingest", type="ebbtide.principal", subject=scope, time=now, version=1, data=data
    )
    directory.apply(scope, msgspec.json.encode(snapshot))
    return key.secret


@pytest.fixture
def get(scoring: Scoring) -> Get:
    directory = Directory()
    directory.loaded = True
    keys = {scope: principal(directory, scope) for scope in ("scores:read", "alerts:read")}
    app = create_app("scoring", "", directory, [routes(scoring.database, ScoringStore, scoring.clock)])

    async def get(path: str, *, scope: str = "scores:read") -> Answer:
        headers = {"authorization": f"Bearer {keys[scope]}"} if scope else {}
        return await call(app, "GET", path, headers=headers)

    return get


async def test_a_score_is_as_of_now_with_its_reasons_and_what_would_move_it(scoring: Scoring, get: Get) -> None:
    await scoring.handle(profile(1, [day(0)]))
    scoring.clock.move_to(day(90))
    answer = await get(f"/v1/scores/{customer(1)}")
    assert answer.status == 200
    body = answer.json()
    assert msgspec.json.decode(answer.body, type=ExplainedScore, strict=True).status == "active"
    churn = body["kinds"]["churn_risk"]
    assert (churn["value"], churn["band"], churn["reason"]) == (60.0, "medium", None)
    assert sum(part["points"] for part in churn["contributions"]) == pytest.approx(60.0, abs=1e-9)
    assert churn["as_of"] == "2026-04-01T00:00:00Z"
    assert churn["next_transition_at"] == body["next_transition_at"] == "2026-04-23T12:00:00Z"
    assert body["moves"]["churn_risk"] == [
        {"by": "customer.purchase", "at": "2026-04-01T00:00:00Z", "value": 10.0, "band": "low"},
        {"by": "time", "at": "2026-04-23T12:00:00Z", "value": 70.0, "band": "high"},
    ]
    assert body["version"] == (await scoring.stored(customer(1))).version


async def test_an_unknown_customer_is_not_found_and_a_bad_id_is_not_valid(get: Get) -> None:
    missing, bad = await get(f"/v1/scores/{customer(1)}"), await get("/v1/scores/nobody")
    assert (missing.status, missing.json()["code"]) == (404, "no_customer")
    assert (bad.status, bad.json()["field"]) == (422, "customer_id")


async def test_only_keys_with_the_scope_may_read(get: Get) -> None:
    assert (await get("/v1/scores", scope="")).status == 401
    assert (await get("/v1/scores", scope="alerts:read")).status == 403


async def test_a_list_goes_through_everybody_once_page_by_page(scoring: Scoring, get: Get) -> None:
    await scoring.handle(*(profile(number, [day(0)]) for number in range(25)))
    await scoring.handle(profile(99, [], status="erased"))
    seen: list[str] = []
    path = "/v1/scores?limit=10&total=true"
    cursor = None
    for _ in range(3):
        body = (await get(path + (f"&cursor={cursor}" if cursor else ""))).json()
        msgspec.convert(body["items"], list[Score])
        assert body["total"] == 25
        seen += [item["customer_id"] for item in body["items"]]
        cursor = body["next_cursor"]
    assert cursor is None
    assert seen == sorted(customer(number) for number in range(25))


async def test_a_list_holds_one_band_and_one_kind_when_asked(scoring: Scoring, get: Get) -> None:
    scoring.clock.move_to(day(120))
    await scoring.handle(*(profile(number, [day(0 if number % 3 else 60)]) for number in range(9)))
    body = (await get("/v1/scores?kind=churn_risk&band=high&total=true")).json()
    assert {item["customer_id"] for item in body["items"]} == {customer(n) for n in range(9) if n % 3}
    assert body["total"] == 6
    assert all(list(item["kinds"]) == ["churn_risk"] for item in body["items"])
    assert "total" not in (await get("/v1/scores?kind=recency")).json()


@pytest.mark.parametrize(
    ("query", "field"),
    [("band=high", "kind"), ("kind=recency&band=high", "kind"), ("cursor=AAAA", "cursor"), ("limit=0", "limit")],
)
async def test_a_bad_question_is_named(get: Get, query: str, field: str) -> None:
    answer = await get(f"/v1/scores?{query}")
    assert (answer.status, answer.json()["field"]) == (422, field)
