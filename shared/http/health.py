"""The routes every service has for those who run it: /livez /readyz /metrics /asyncapi.json."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from shared.kafka.asyncapi import asyncapi_document
from shared.kafka.topics import Topic
from shared.observability.health import Health, Kind, gravest
from shared.observability.release import release

Responses = dict[int | str, dict[str, Any]]


def _json(description: str, example: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


_TEXT = {"type": "string"}
_WAITING = {"type": "object", "additionalProperties": _TEXT, "description": "Each part, and why it does not work."}
_ALIVE: Responses = {
    200: _json("It is.", {"status": "alive", "release": "0.1.0"}, {"status": {"const": "alive"}, "release": _TEXT})
}
_READINESS: Responses = {
    200: _json(
        "It works.",
        {"status": "ready", "waiting_for": {}},
        {"status": {"const": "ready"}, "waiting_for": {"type": "object", "maxProperties": 0}},
    ),
    503: _json(
        "It does not work. Waiting: it goes on by itself when what it waits for is there; stopped: when the cause is"
        " mended; halted: when somebody has decided what to do.",
        {"status": "waiting", "waiting_for": {"postgresql": "ConnectionRefusedError"}},
        {"status": {"enum": [*Kind]}, "waiting_for": _WAITING},
    ),
}
_METRICS: Responses = {
    200: {
        "description": "In the text format of Prometheus.",
        "content": {"text/plain": {"schema": _TEXT, "example": 'ebbtide_http_answers_total{status="202"} 1204.0\n'}},
    }
}
_ASYNCAPI: Responses = {
    200: _json(
        "The document.",
        {"asyncapi": "3.0.0", "info": {"title": "Ebbtide scoring", "version": "1.0.0"}, "channels": {}},
        {"asyncapi": _TEXT, "info": {"type": "object"}, "channels": {"type": "object"}},
    )
}


def operator_routes(service: str, health: Health, registry: CollectorRegistry, topics: tuple[Topic, ...]) -> APIRouter:
    """Probes, metrics and the description of the topics this service reads and writes. No key is asked for."""
    router = APIRouter(tags=["operation"])
    waiting = Gauge(
        "ebbtide_waiting",
        "1 for each part that keeps the service from being ready; kind stopped or halted: until somebody acts.",
        ["part", "kind"],
        registry=registry,
    )

    @router.get("/livez", summary="Whether the process is alive, and of which release", responses=_ALIVE)
    async def livez() -> dict[str, str]:
        return {"status": "alive", "release": release()}

    @router.get("/readyz", summary="Whether the service works, and what it waits for if not", responses=_READINESS)
    async def readyz() -> JSONResponse:
        reasons = await health.reasons()
        status = gravest(reasons) if reasons else "ready"
        body = {"status": status, "waiting_for": {part: reason.text for part, reason in reasons.items()}}
        return JSONResponse(body, 503 if reasons else 200)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response, responses=_METRICS)
    async def metrics() -> Response:
        waiting.clear()
        for part, reason in (await health.reasons()).items():
            waiting.labels(part=part, kind=reason.kind).set(1)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @router.get(
        "/asyncapi.json", summary="The topics this service reads and writes, as AsyncAPI 3", responses=_ASYNCAPI
    )
    async def asyncapi() -> JSONResponse:
        return JSONResponse(asyncapi_document(service, topics))

    return router
