"""The FastAPI application of a service: its routers plus what all five have in common."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from shared.access import Directory
from shared.http.access import FAILURES_A_MINUTE
from shared.http.correlation import CorrelationMiddleware
from shared.http.document import describe_operations
from shared.http.limits import BodyLimitMiddleware
from shared.http.metrics import AnswersMiddleware, answers_counter
from shared.http.problems import install_problems
from shared.http.throttle import Throttle


def create_app(
    service: str,
    description: str,
    directory: Directory,
    routers: Sequence[APIRouter],
    registry: CollectorRegistry | None = None,
) -> FastAPI:
    """Problems, correlation ids, local access checks, bounded bodies, OpenAPI at /openapi.json; no interactive page.

    Answers are counted on `registry`, if there is one.
    """
    app = FastAPI(title=f"Ebbtide {service}", version="1.0.0", description=description, docs_url=None, redoc_url=None)
    app.state.directory = directory
    app.state.failures = Throttle(failures=FAILURES_A_MINUTE)
    app.add_middleware(BodyLimitMiddleware)  # innermost: what it cuts off is no failure
    install_problems(app)
    app.add_middleware(CorrelationMiddleware)
    if registry is not None:
        app.add_middleware(AnswersMiddleware, answers=answers_counter(registry))
    for router in routers:
        app.include_router(router)
    describe_operations(app)
    return app
