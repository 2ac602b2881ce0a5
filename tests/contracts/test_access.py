"""Who may call what: the whole list of addresses, and every scope tried at every one of them.

An address that is not on the list fails here, so that nobody opens one by accident.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, Route

from shared.access import NewKey, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Snapshot
from shared.contracts.access import Scope
from shared.http.app import create_app
from shared.http.health import operator_routes
from tests.support.asgi import call
from tests.support.documents import SERVICES, openapi_documents
from tests.support.services import built_services

SCOPES: tuple[Scope, ...] = get_args(Scope)
# Read by probes and scrapers; nothing in it is about a customer.
OPERATION = ["GET /asyncapi.json", "GET /livez", "GET /metrics", "GET /openapi.json", "GET /readyz"]
# A session's cookie is asked for, or nothing is shown: tests/unit/alerts/test_console_guard.py.
CONSOLE = [
    "GET /",
    "GET /console/alerts/{alert_id}",
    "GET /console/alerts/{alert_id}/panels/{name}",
    "GET /console/events",
    "GET /console/sign-in",
    "GET /console/static/{name}",
    "POST /console/acts",
    "POST /console/preferences",
    "POST /console/sign-in",
    "POST /console/sign-out",
]
OPEN: Mapping[str, list[str]] = {
    "ingest": OPERATION,
    "profiles": OPERATION,
    "scoring": OPERATION,
    "alerts": [*OPERATION, *CONSOLE],
    # The token in the address is the permission.
    "notify": [*OPERATION, "GET /v1/unsubscribe/{token}", "POST /v1/unsubscribe/{token}"],
}
_TOLD = "alerts:read, notifications:read"
KEYED: Mapping[str, Mapping[str, str]] = {
    "ingest": {
        "POST /v1/interactions": "interactions:write",
        "GET /v1/quarantine": "admin",
        "GET /v1/quarantine/{quarantine_id}": "admin",
        "POST /v1/quarantine/{quarantine_id}/discard": "admin",
        "POST /v1/quarantine/{quarantine_id}/resubmit": "admin",
    },
    "profiles": {
        "GET /v1/customers": "customers:read",
        "GET /v1/customers/{customer_id}": "customers:read",
        "GET /v1/customers/{customer_id}/timeline": "customers:read",
        "GET /v1/interactions": "admin",
    },
    "scoring": {"GET /v1/scores": "scores:read", "GET /v1/scores/{customer_id}": "scores:read"},
    "alerts": {
        "GET /v1/alerts": "alerts:read",
        "GET /v1/alerts/{alert_id}": "alerts:read",
        "POST /v1/alerts/{alert_id}/acknowledge": "alerts:write",
        "POST /v1/alerts/{alert_id}/comment": "alerts:write",
        "POST /v1/alerts/{alert_id}/resolve": "alerts:write",
        "POST /v1/alerts/{alert_id}/snooze": "alerts:write",
    },
    "notify": {
        "GET /v1/notifications": "notifications:read",
        "GET /v1/notifications/{notification_id}": "notifications:read",
        "DELETE /v1/webhooks/{webhook_id}": _TOLD,
        "GET /v1/webhooks": _TOLD,
        "GET /v1/webhooks/{webhook_id}": _TOLD,
        "GET /v1/webhooks/{webhook_id}/deliveries": _TOLD,
        "GET /v1/webhooks/{webhook_id}/deliveries/{event_id}": _TOLD,
        "PATCH /v1/webhooks/{webhook_id}": _TOLD,
        "POST /v1/webhooks": _TOLD,
        "POST /v1/webhooks/{webhook_id}/deliveries/{event_id}/redeliver": _TOLD,
        "POST /v1/webhooks/{webhook_id}/secret": _TOLD,
        "POST /v1/webhooks/{webhook_id}/test": _TOLD,
    },
}
ID = "00000000-0000-5000-8000-000000000001"


@cache
def apps() -> Mapping[str, FastAPI]:
    """The five HTTP applications as they are served; no database answers them."""
    found = {}
    for name, built in built_services().items():
        routers = [*built._routers, operator_routes(name, built.health, CollectorRegistry(), ())]
        found[name] = create_app(name, "", built.directory, routers)
        built.directory.loaded = True
    return found


def served(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Every address, also those that no document shows."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from served(included.routes)
            continue
        assert isinstance(route, Route), f"{route!r} is of a kind this test does not know"
        yield from (f"{method} {route.path}" for method in route.methods or () if method != "HEAD")


def key_with(app: FastAPI, *scopes: Scope) -> NewKey:
    key = new_key()
    entry = AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now())
    principal = Principal(principal_id=key.key_id, name="x", kind="system", scopes=scopes, keys=(entry,))
    told = Snapshot(id="1", source="tests", type="t", subject=key.key_id, time=real_now(), version=1, data=principal)
    app.state.directory.apply(key.key_id, msgspec.json.encode(told))
    return key


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_served_but_what_is_on_the_list(service: str) -> None:
    assert sorted(served(apps()[service].routes)) == sorted([*OPEN[service], *KEYED[service]])


@pytest.mark.parametrize("service", SERVICES)
async def test_every_address_lets_its_scopes_in_and_nobody_else(service: str) -> None:
    """With each scope alone, with none, without a key, and with one that is not good."""
    app = apps()[service]
    keys = {scope: key_with(app, scope).secret for scope in SCOPES}
    for address, wanted in KEYED[service].items():
        method, _, path = address.partition(" ")
        path = path.replace("{quarantine_id}", ID).replace("{customer_id}", ID).replace("{alert_id}", ID)
        path = path.replace("{notification_id}", ID).replace("{webhook_id}", ID).replace("{event_id}", ID)

        async def ask(secret: str | None, method: str = method, path: str = path) -> int:
            headers = {"authorization": f"Bearer {secret}"} if secret else {}
            return (await call(app, method, path, headers=headers)).status

        allowed = {*wanted.split(", "), "admin"}
        for scope, secret in keys.items():
            let_in = await ask(secret) not in (401, 403)
            assert let_in is (scope in allowed), f"{scope} at {address}"
        assert await ask(key_with(app).secret) == 403
        assert await ask(None) == 401
        assert await ask(new_key().secret) == 401


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_says_which_scope_an_operation_takes(service: str) -> None:
    said: dict[str, Any] = {}
    for path, operations in openapi_documents()[service]["paths"].items():
        for method, operation in operations.items():
            security = operation.get("security", ())
            said[f"{method.upper()} {path}"] = ", ".join(scope for one in security for scope in one["HTTPBearer"])
    assert {address: scopes for address, scopes in said.items() if scopes} == KEYED[service]
