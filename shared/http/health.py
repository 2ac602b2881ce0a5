"""The routes every service has for those who run it: /livez /readyz /metrics /asyncapi.json."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from shared.kafka.asyncapi import asyncapi_document
from shared.kafka.topics import Topic
from shared.observability.health import Health, kind_of
from shared.observability.release import release


def operator_routes(service: str, health: Health, registry: CollectorRegistry, topics: tuple[Topic, ...]) -> APIRouter:
    """Probes, metrics and the description of the topics this service reads and writes. No key is asked for."""
    router = APIRouter(tags=["operation"])
    waiting = Gauge(
        "ebbtide_waiting",
        "1 for each part that keeps the service from being ready; kind halted: it stays so until somebody acts.",
        ["part", "kind"],
        registry=registry,
    )

    @router.get("/livez", summary="Whether the process is alive, and of which release")
    async def livez() -> dict[str, str]:
        return {"status": "alive", "release": release()}

    @router.get("/readyz", summary="Whether the service works, and what it waits for if not", responses={503: {}})
    async def readyz() -> JSONResponse:
        reasons = await health.reasons()
        body = {"status": "waiting" if reasons else "ready", "waiting_for": reasons}
        return JSONResponse(body, 503 if reasons else 200)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        waiting.clear()
        for part, reason in (await health.reasons()).items():
            waiting.labels(part=part, kind=kind_of(reason)).set(1)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @router.get("/asyncapi.json", summary="The topics this service reads and writes, as AsyncAPI 3")
    async def asyncapi() -> JSONResponse:
        return JSONResponse(asyncapi_document(service, topics))

    return router
