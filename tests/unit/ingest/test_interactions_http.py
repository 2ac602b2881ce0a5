"""POST /v1/interactions answers for every event, refuses with a code, and never fails on what it is sent."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.ingest.domain.entities import Code
from services.ingest.domain.quota import Quota
from services.ingest.domain.references import References
from services.ingest.gateways.phones import normalise_phone
from services.ingest.handlers.interactions import Reception
from services.ingest.http import create_router
from services.ingest.metrics import IngestMetrics
from shared.access import Directory, new_key
from shared.contracts import AccessKey, Interaction, Principal, Snapshot
from shared.contracts.access import Scope
from shared.errors import TransientError
from shared.http.app import create_app
from tests.support.asgi import Answer, call

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GOOD = {
    "specversion": "1.0",
    "id": "e-1",
    "type": "customer.purchase",
    "subject": "4711",
    "time": "2026-05-01T10:00:00Z",
    "data": {"amount": 29.30, "currency": "USD", "note": "call me"},
}
CANARY = "canary@example.com"


class FixedClock:
    def now(self) -> datetime:
        return NOW


class Log:
    """Takes records, or is away."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []
        self.away = False

    async def send(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        if self.away:
            raise TransientError("away")
        self.records.extend(records)

    def interactions(self) -> list[Interaction]:
        return [msgspec.json.decode(value, type=Interaction) for _, value in self.records]


def principal(scopes: tuple[Scope, ...]) -> tuple[str, Snapshot[Principal]]:
    key = new_key()
    access_key = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=NOW)
    data = Principal(
        principal_id=f"p-{key.key_id}",
        name="webshop",
        kind="system",
        namespace="shop",
        scopes=scopes,
        keys=(access_key,),
    )
    return key.secret, Snapshot(id="1", source="s", type="t", subject=data.principal_id, time=NOW, version=1, data=data)


class Api:
    """Ingest's API with a log in memory."""

    def __init__(self, quota: Quota | None = None) -> None:
        self.log = Log()
        directory = Directory()
        directory.loaded = True
        self.key, writer = principal(("interactions:write",))
        self.reader_key, reader = principal(("customers:read",))
        for snapshot in (writer, reader):
            directory.apply(snapshot.subject, msgspec.json.encode(snapshot))
        metrics = IngestMetrics(CollectorRegistry())
        references = References(b"s" * 32, normalise_phone)
        reception = Reception(self.log, clock=FixedClock(), references=references, metrics=metrics)
        router = create_router(reception, quota=quota or Quota(0, 1), metrics=metrics)
        self.app: FastAPI = create_app("ingest", "", directory, [router])

    async def post(self, body: Any, key: str | None = None, **headers: str) -> Answer:
        raw = body if isinstance(body, (bytes, Iterator)) else json.dumps(body).encode()
        given_headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        given_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, "POST", "/v1/interactions", headers=given_headers, body=raw)


@pytest.fixture
def api() -> Api:
    return Api()


async def test_one_event_is_acknowledged_and_lies_in_the_log_in_canonical_form(api: Api) -> None:
    answer = await api.post(GOOD, x_correlation_id="abcdefgh-1")
    assert (answer.status, answer.json()) == (202, {"accepted": 1, "refused": []})
    assert answer.headers["x-correlation-id"] == "abcdefgh-1"
    assert api.log.records[0][0] == b"shop:4711"
    found = api.log.interactions()[0]
    assert (found.subject, found.source, found.correlationid) == ("shop:4711", "webshop", "abcdefgh-1")
    assert found.data == {"amount": "29.3", "currency": "USD"}
    assert found.pii is not None
    assert found.pii.value == {"note": "call me"}


async def test_digits_of_a_json_number_are_kept(api: Api) -> None:
    body = json.dumps(GOOD).replace("29.3,", '29.30, "ratio": 1.10,').encode()
    assert (await api.post(body)).status == 202
    assert b'"amount":"29.30"' in api.log.records[0][1]
    assert b'"ratio":1.10' in api.log.records[0][1]


async def test_bad_event_spoils_only_itself(api: Api) -> None:
    events = [GOOD, GOOD | {"id": "bad", "time": "yesterday"}, 7, GOOD | {"id": "e-2"}]
    answer = await api.post(events)
    assert answer.status == 202
    body = answer.json()
    assert body["accepted"] == 2
    assert [(one["index"], one["id"], one["field"], one["code"]) for one in body["refused"]] == [
        (1, "bad", "time", "value"),
        (2, None, "event", "type"),
    ]
    assert [one.id for one in api.log.interactions()] == ["e-1", "e-2"]


async def test_nothing_accepted_is_422_with_the_same_body(api: Api) -> None:
    answer = await api.post([GOOD | {"id": ""}])
    assert (answer.status, answer.json()["accepted"], len(answer.json()["refused"])) == (422, 0, 1)
    assert (await api.post([])).json() == {"accepted": 0, "refused": []}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content_type": "text/plain"}, 415, "media_type"),
        ({"content_type": "application/x-www-form-urlencoded"}, 415, "media_type"),
        ({"content_type": "application/json; charset=latin-1"}, 415, "charset"),
        ({"content_encoding": "gzip"}, 415, "content_encoding"),
        ({"content_length": "9999999"}, 413, "body_too_large"),
        ({"authorization": "Bearer ebb_nobody"}, 401, "bad_key"),
        ({"authorization": "Basic xyz"}, 401, "bad_key"),
    ],
)
async def test_request_is_refused_as_a_problem(api: Api, headers: dict[str, str], status: int, code: str) -> None:
    answer = await api.post(GOOD, **headers)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not api.log.records


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=UTF-8",
        'application/json; charset="utf-8"; x=y',
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ],
)
async def test_media_types_of_cloudevents_are_taken(api: Api, media_type: str) -> None:
    assert (await api.post([GOOD], content_type=media_type)).status == 202


async def test_key_without_the_scope_is_403(api: Api) -> None:
    answer = await api.post(GOOD, key=api.reader_key)
    assert (answer.status, answer.json()["code"]) == (403, "missing_scope")


async def test_body_that_is_not_json_is_400(api: Api) -> None:
    answer = await api.post(b"[{},")
    assert (answer.status, answer.json()["code"]) == (400, "not_json")


async def test_body_is_cut_while_it_streams(api: Api) -> None:
    taken = 0

    def endless() -> Iterable[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 65_536

    answer = await api.post(iter(endless()))
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert taken <= 18


async def test_more_than_500_events_are_413(api: Api) -> None:
    assert (await api.post([GOOD] * 500)).json()["accepted"] == 500
    assert (await api.post([GOOD] * 501)).status == 413


async def test_broker_away_is_503_with_retry_after(api: Api) -> None:
    api.log.away = True
    answer = await api.post(GOOD)
    assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_acknowledged", "1")
    assert (await api.post([GOOD | {"id": ""}])).status == 422


async def test_too_much_is_429_with_retry_after() -> None:
    api = Api(Quota(1, 2))
    assert (await api.post([GOOD, GOOD])).status == 202
    answer = await api.post(GOOD)
    assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "1")


async def test_operation_is_documented(api: Api) -> None:
    document = (await call(api.app, "GET", "/openapi.json")).json()
    operation = document["paths"]["/v1/interactions"]["post"]
    assert "application/cloudevents-batch+json" in operation["requestBody"]["content"]
    refused = operation["responses"]["202"]["content"]["application/json"]["schema"]["properties"]["refused"]
    assert refused["items"]["properties"]["code"]["enum"] == [code.value for code in Code]
    assert operation["security"]


BAD_BODIES = [
    b'{"specversion":"1.0","id":"\\u0000"}', b'{"id":"\\ud800"}', b"[NaN]", b"[1e999]", b"[" + b"9" * 400 + b"]",
    b"[" + b"9" * 5000 + b"]", b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[" * 20_000 + b"]" * 20_000,
    b'{"id":1,"id":2}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"id":"\xc3\x28"}', b"null", b'""', b"[[[[]]]]",
    b'{"specversion":"1.0","id":"x","type":"t","subject":"a:b","time":"2020-01-01T00:00:00Z","data":'
    + b"{" + b",".join(b'"k%d":1' % n for n in range(10_000)) + b"}}",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_hostile_body_is_answered_with_4xx(api: Api, body: bytes) -> None:
    answer = await api.post(body)
    assert answer.status in (400, 422), answer
    assert not api.log.records


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
    | st.sampled_from(["\0", "\ud800", CANARY, "1.0", "customer.purchase", "customer.linked", "2026-05-01T10:00:00Z"])
)  # fmt: skip
FIELDS = st.sampled_from(["amount", "currency", "quantity", "reference", "granted", "score", "kind", CANARY, "\0", "x"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=8
)
ATTRIBUTES = st.sampled_from([*GOOD, "source", "pii", "datacontenttype", "data_base64", "extension"])
EVENTS = st.dictionaries(ATTRIBUTES, VALUES, max_size=4).map(lambda changes: {**GOOD, **changes}) | VALUES


SHARED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=200, deadline=None, suppress_health_check=SHARED)
@given(events=st.lists(EVENTS, max_size=4))
def test_whatever_is_sent_is_accepted_or_refused_by_field_without_saying_what_it_was(
    api: Api, events: list[Any]
) -> None:
    async def send() -> None:
        api.log.records.clear()
        answer = await api.post(events)
        if answer.status == 400:  # NaN and infinities are no JSON
            return
        assert answer.status in (202, 422)
        body = answer.json()
        assert body["accepted"] + len(body["refused"]) == len(events)
        assert body["accepted"] == len(api.log.interactions())
        for refusal in body["refused"]:
            assert refusal["field"]
            assert refusal["code"] in list(Code)
            assert CANARY not in refusal["field"] + refusal["reason"]
        for key, _ in api.log.records:
            assert CANARY.encode() not in key
        for interaction in api.log.interactions():
            assert CANARY not in json.dumps(interaction.data)

    asyncio.run(send())


@settings(max_examples=200, deadline=None, suppress_health_check=SHARED)
@given(data=st.data())
def test_mutilated_body_never_fails(api: Api, data: st.DataObject) -> None:
    body = bytearray(json.dumps([GOOD, GOOD]).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    async def send() -> None:
        assert (await api.post(bytes(body))).status in (202, 400, 422)

    asyncio.run(send())
