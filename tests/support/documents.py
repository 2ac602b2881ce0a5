"""The OpenAPI documents of the five services, as /openapi.json serves them, and what is in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry

from shared.http.app import create_app
from shared.http.health import operator_routes
from tests.support.services import built_services

SERVICES = ("ingest", "profiles", "scoring", "alerts", "notify")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `path` with its braces."""

    service: str
    method: str
    path: str
    said: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service} {self.method.upper()} {self.path}"


@cache
def openapi_documents() -> Mapping[str, dict[str, Any]]:
    """Of services that are not started."""
    found = {}
    for name, app in built_services().items():
        routers = [*app._routers, operator_routes(name, app.health, CollectorRegistry(), ())]
        found[name] = create_app(name, "", app.directory, routers).openapi()
    return found


def operations(service: str) -> Iterator[Operation]:
    """Every operation of a document."""
    for path, item in openapi_documents()[service]["paths"].items():
        for method, said in item.items():
            yield Operation(service, method, path, said)
