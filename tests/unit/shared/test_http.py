"""What all five HTTP APIs answer alike: problems, cursors, correlation ids, readiness."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from structlog.testing import capture_logs

from shared.access import Directory
from shared.errors import TransientError
from shared.http import ApiError, Instant, cut, decode_cursor, decode_position, encode_cursor, page, requires
from shared.http.app import create_app
from shared.http.health import operator_routes
from shared.kafka.topics import ACCESS
from shared.observability.health import Health, Reason
from tests.support.asgi import Answer, call

SANE = "abcdefgh-1234"
ID = "0f9ab0c4-6a5e-5f5b-9d59-1d8c3c2a7c11"


class Body(BaseModel):
    """What /echo takes."""

    count: int


def make_app(health: Health | None = None) -> FastAPI:
    router = APIRouter()

    @router.get("/page")
    async def get_page(limit: int = 10, cursor: str = "") -> dict[str, Any]:
        return page([*decode_cursor(cursor, str, int)], encode_cursor("a", limit))

    @router.post("/echo")
    async def echo(body: Body) -> Body:
        return body

    @router.get("/away")
    async def away() -> None:
        raise TransientError("the database is not connected yet")

    @router.get("/defect")
    async def defect() -> None:
        raise ZeroDivisionError("a secret in its text")

    @router.get("/teapot")
    async def teapot() -> None:
        raise ApiError(409, "taken", "Somebody has it.", field="owner", headers={"Retry-After": "3"})

    @router.delete("/echo")
    async def forget(before: Instant) -> str:
        return before.isoformat()

    router.add_api_route("/private", get_page, dependencies=[Depends(requires("alerts:read"))])
    operators = operator_routes("tally", health or Health(), CollectorRegistry(), (ACCESS,))
    return create_app("tally", "Counts.", Directory(), [router, operators])


async def ask(path: str, method: str = "GET", **more: Any) -> Answer:
    return await call(make_app(), method, path, **more)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", b"", 404, "not_found"),
        ("PUT", "/echo", b"", 405, "method_not_allowed"),
        ("POST", "/echo", b"\xff", 400, "not_json"),
        ("DELETE", "/echo?before=0001-01-01T00:00:00%2B14:00", b"", 422, "not_valid"),
        ("DELETE", "/echo?before=2026-01-01T00:00:00", b"", 422, "not_valid"),
        ("GET", "/page?limit=many", b"", 422, "not_valid"),
        ("POST", "/echo", b'{"count":"x"}', 422, "not_valid"),
        ("POST", "/echo", b"{", 422, "not_valid"),
        ("GET", "/page?cursor=nonsense", b"", 422, "bad_cursor"),
        ("GET", "/teapot", b"", 409, "taken"),
        ("GET", "/away", b"", 503, "not_available"),
        ("GET", "/defect", b"", 500, "internal"),
        ("GET", "/private", b"", 503, "access_unknown"),
    ],
)
async def test_every_error_is_a_problem_document(method: str, path: str, body: bytes, status: int, code: str) -> None:
    """With a stable code, the status in the body too, and the correlation id of the request."""
    headers = {"x-correlation-id": SANE, "content-type": "application/json"}
    with capture_logs():
        answer = await ask(path, method, body=body, headers=headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-correlation-id"] == SANE
    document = answer.json()
    assert (document["status"], document["code"], document["type"]) == (status, code, "about:blank")
    assert document["title"]
    assert document["detail"]
    assert "secret" not in answer.body.decode()


async def test_a_problem_names_the_field_and_keeps_its_headers() -> None:
    assert (await ask("/teapot")).headers["retry-after"] == "3"
    assert (await ask("/teapot")).json()["field"] == "owner"
    assert (await ask("/page?limit=many")).json()["field"] == "limit"
    answer = await ask("/echo", "POST", body=b'{"count":"x"}', headers={"content-type": "application/json"})
    assert answer.json()["errors"][0]["field"] == "count"
    assert (await ask("/echo", "PUT")).headers["allow"] == "DELETE, POST"
    assert (await ask("/away")).headers["retry-after"] == "1"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "no spaces", "a\x00bcdefgh", "ünicode-ünicode", SANE])
async def test_a_correlation_id_is_the_callers_if_it_is_sane_and_new_otherwise(given: str) -> None:
    router = make_app()
    scope_headers = {"x-correlation-id": given} if given.isascii() else {}
    answer = await call(router, "GET", "/livez", headers=scope_headers)
    found = answer.headers["x-correlation-id"]
    assert (found == given) == (given == SANE)
    assert 8 <= len(found) <= 64


@pytest.mark.parametrize("parts", [("a", 1), ("", -1), ("客户", 2**62), ('a,b"c', 0)])
def test_a_cursor_gives_back_what_it_was_made_of(parts: tuple[str, int]) -> None:
    assert decode_cursor(encode_cursor(*parts), str, int) == parts


@pytest.mark.parametrize(
    "text",
    ["", "x", "!!!", "é", "AAAA", encode_cursor("a"), encode_cursor(1, "a"), encode_cursor("a", 1, 2), "W1tb" * 4_000],
)
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ApiError) as raised:
        decode_cursor(text, str, int)
    assert (raised.value.status, raised.value.code, raised.value.field) == (422, "bad_cursor", "cursor")


@pytest.mark.parametrize("reference", ["a\x00b", "\ud800"])
def test_a_cursor_holds_no_text_that_a_store_cannot_hold(reference: str) -> None:
    with pytest.raises(ApiError):
        decode_cursor(encode_cursor(reference, 1), str, int)


@pytest.mark.parametrize(
    "instant", ["", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_list_goes_on_from_instants_that_exist_only(instant: str) -> None:
    with pytest.raises(ApiError):
        decode_position(encode_cursor(instant, ID))


def test_a_list_goes_on_exactly_after_its_last_item() -> None:
    at = "2026-01-01T00:00:00+00:00"
    shown, cursor = cut([at, at, at], 2, lambda one: (one, ID))
    assert shown == [at, at]
    assert decode_position(cursor) == (datetime(2026, 1, 1, tzinfo=UTC), ID)
    assert cut([at, at], 2, lambda one: (one, ID)) == ([at, at], None)
    assert cut([], 2, lambda one: (one, ID)) == ([], None)
    assert decode_position(None) is None


async def test_readiness_says_what_it_waits_for() -> None:
    health = Health()
    app = make_app(health)
    answer = await call(app, "GET", "/readyz")
    assert (answer.status, answer.json()) == (503, {"status": "waiting", "waiting_for": {"start": "start"}})
    health.waiting_for = "PostgreSQL"
    assert (await call(app, "GET", "/readyz")).json()["waiting_for"] == {"start": "PostgreSQL"}
    health.waiting_for = None
    reason: list[Reason | None] = [Reason("TimeoutError")]

    async def check() -> Reason | None:
        return reason[0]

    health.add("postgresql", check)
    assert (await call(app, "GET", "/readyz")).json()["waiting_for"] == {"postgresql": "TimeoutError"}
    reason[0] = None
    answer = await call(app, "GET", "/readyz")
    assert (answer.status, answer.json()) == (200, {"status": "ready", "waiting_for": {}})
    assert (await call(app, "GET", "/livez")).status == 200


@pytest.mark.parametrize("path", ["/page?cursor=a%00b", "/pa\x00ge"])
async def test_nul_in_the_address_is_refused_before_it_reaches_a_store(path: str) -> None:
    answer = await ask(path)
    assert (answer.status, answer.json()["code"]) == (422, "not_valid")
    assert "x-correlation-id" in answer.headers


async def test_cursor_with_a_nul_is_none_of_ours() -> None:
    answer = await ask("/page?cursor=" + encode_cursor("a\x00b", 1))
    assert (answer.status, answer.json()["code"]) == (422, "bad_cursor")
