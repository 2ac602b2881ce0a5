"""Who may see and settle refused records, what is asked of them, and how that is described."""

from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.ingest.domain.entities import Code
from services.ingest.domain.references import References
from services.ingest.gateways.phones import normalise_phone
from services.ingest.handlers.interactions import Reception
from services.ingest.handlers.quarantine import Quarantine
from services.ingest.http import quarantine_routes
from services.ingest.metrics import IngestMetrics
from services.ingest.store import IngestStore
from shared.access import Directory
from shared.http.app import create_app
from shared.postgres import Database
from tests.support.asgi import Answer, call
from tests.unit.ingest.test_interactions_http import FixedClock, Log, principal

ONE = "/v1/quarantine/00000000-0000-5000-8000-000000000000"


class Api:
    """The routes without a database: what is answered before one is needed."""

    def __init__(self) -> None:
        directory = Directory()
        directory.loaded = True
        self.admin_key, admin = principal(("admin",))
        self.writer_key, writer = principal(("interactions:write", "customers:read", "alerts:write"))
        for snapshot in (admin, writer):
            directory.apply(snapshot.subject, msgspec.json.encode(snapshot))
        metrics = IngestMetrics(CollectorRegistry())
        references = References(b"s" * 32, normalise_phone)
        reception = Reception(Log(), clock=FixedClock(), references=references, metrics=metrics)
        database = Database("postgresql://nowhere.invalid/none", application="tests")
        routes = quarantine_routes(
            Quarantine(reception, namespace=None, metrics=metrics), database=database, store=IngestStore
        )
        self.app: FastAPI = create_app("ingest", "", directory, [routes])

    async def call(self, method: str, path: str, key: str, body: bytes = b"", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, method, path, headers={"authorization": f"Bearer {key}", **given}, body=body)


@pytest.fixture
def api() -> Api:
    return Api()


ROUTES = [("GET", "/v1/quarantine"), ("GET", ONE), ("POST", f"{ONE}/resubmit"), ("POST", f"{ONE}/discard")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_raw_records_are_for_admins_alone(api: Api, method: str, path: str) -> None:
    """They may hold personal data; writing interactions or reading customers is not enough."""
    assert (await api.call(method, path, api.writer_key)).json()["code"] == "missing_scope"
    assert (await api.call(method, path, "wrong")).status == 401


@pytest.mark.parametrize(
    "query",
    [
        "code=unknown",
        "topic=a%00b",
        "topic=a%20b",
        "status=gone",
        "limit=0",
        "limit=1001",
        "cursor=x",
        "cursor=WzEsMl0",
        "cursor=WyIyMDI2IiwiYSJd",
        "nonsense=1",
    ],
)
async def test_a_list_refuses_what_it_cannot_filter_by(api: Api, query: str) -> None:
    answer = await api.call("GET", f"/v1/quarantine?{query}", api.admin_key)
    assert answer.status == 422, query
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"x" * (1024 * 1024 + 1), {}, 413),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"content_encoding": "gzip"}, 415),
    ],
)
async def test_a_repair_that_cannot_be_read_is_refused_before_anything_is_looked_up(
    api: Api, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await api.call("POST", f"{ONE}/resubmit", api.admin_key, body, **headers)).status == status


async def test_operations_are_documented_with_examples(api: Api) -> None:
    paths: dict[str, Any] = (await call(api.app, "GET", "/openapi.json")).json()["paths"]
    listed = paths["/v1/quarantine"]["get"]
    assert {one["name"] for one in listed["parameters"]} == {"code", "topic", "status", "cursor", "limit", "total"}
    page = listed["responses"]["200"]["content"]["application/json"]
    assert page["example"]["items"][0]["code"] in [code.value for code in Code]
    shown = paths["/v1/quarantine/{quarantine_id}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert set(shown["schema"]["required"]) | {"content"} <= set(shown["example"])
    resubmit = paths["/v1/quarantine/{quarantine_id}/resubmit"]["post"]
    assert resubmit["requestBody"]["required"] is False
    assert {"202", "400", "404", "409", "413", "415", "422", "503"} <= set(resubmit["responses"])
    assert resubmit["responses"]["422"]["content"]["application/json"]["example"]["accepted"] == 0
    assert all(operation["security"] for path in paths.values() for operation in path.values())
