"""The FastAPI application of a service: its routers plus what all five have in common."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from shared.access import Directory
from shared.http.correlation import CorrelationMiddleware
from shared.http.problems import install_problems


def create_app(service: str, description: str, directory: Directory, routers: Sequence[APIRouter]) -> FastAPI:
    """Problems, correlation ids, local access checks, OpenAPI at /openapi.json; no interactive page, no CDN."""
    app = FastAPI(title=f"Ebbtide {service}", version="1.0.0", description=description, docs_url=None, redoc_url=None)
    app.state.directory = directory
    install_problems(app)
    app.add_middleware(CorrelationMiddleware)
    for router in routers:
        app.include_router(router)
    return app
