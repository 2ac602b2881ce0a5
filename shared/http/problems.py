"""Errors as RFC 9457 problem documents with a stable `code`."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.postgres import is_transient

log = structlog.get_logger(__name__)

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
PROBLEM_JSON = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timed out",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    429: "Too many requests",
    503: "Not available",
}


class Fault(BaseModel):
    """One of several things that are wrong with a request."""

    field: str
    reason: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="A sentence for people. May change.")
    code: str = Field(description="Stable: what programs branch on.")
    field: str | None = Field(default=None, description="Which part of the request is meant.")
    errors: list[Fault] | None = Field(default=None, description="When several parts are wrong, each of them.")


# For the `responses` of routes.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": TITLES[status]} for status in (401, 403, 422, 503)
}


class ApiError(Exception):
    """What a route raises to answer with a problem. `code` is stable; `detail` is a sentence for people."""

    def __init__(
        self, status: int, code: str, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = headers
        self.errors: list[dict[str, Any]] = []


def problem(error: ApiError) -> JSONResponse:
    """The answer for an error."""
    body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(error.status, "Error"), "status": error.status}
    body |= {"detail": error.detail, "code": error.code}
    if error.field is not None:
        body["field"] = error.field
    if error.errors:
        body["errors"] = error.errors
    headers = dict(error.headers) if error.headers else None
    return JSONResponse(body, error.status, headers=headers, media_type=PROBLEM_JSON)


def install_problems(app: FastAPI) -> None:
    """Every error of this app leaves as a problem; what is transient asks the caller to come again.

    Install it before the middleware that is to see those answers.
    """

    @app.exception_handler(ApiError)
    async def _api(_: Request, error: ApiError) -> JSONResponse:
        return problem(error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = {400: "not_json", 404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        headers = {"Allow": _methods_at(request)} if error.status_code == 405 else error.headers
        return problem(ApiError(error.status_code, code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def _validation(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"field": ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]), "reason": one["msg"]}
            for one in error.errors()
        ]
        detail = "; ".join(f"{one['field']}: {one['reason']}" for one in errors)
        refusal = ApiError(422, "not_valid", detail, field=errors[0]["field"])
        refusal.errors = errors
        return problem(refusal)

    app.add_middleware(FailureMiddleware)


def _methods_at(request: Request) -> str:
    """Everything an address takes. The framework names only what the first route with this address takes."""

    def taken(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(taken, _METHODS))


class FailureMiddleware:
    """Refuses addresses that no route can answer, and answers what a route raised and nobody caught.

    The framework's own way answers outside all middleware, where the correlation id is gone, and raises again, so that
    the server logs everything a second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"%00" in scope["query_string"] or "\x00" in scope["path"]):
            # PostgreSQL's text holds none, so nothing is called so; its refusal would look like a defect of ours.
            refusal = ApiError(422, "not_valid", "The address holds a NUL character (%00), which no name contains.")
            await problem(refusal)(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await _failure(error)(scope, receive, send)


def _failure(error: Exception) -> JSONResponse:
    if is_transient(error):
        log.warning("request_waits", error=repr(error))
        return problem(ApiError(503, "not_available", "Try again shortly.", headers={"Retry-After": "1"}))
    log.error("request_failed", exc_info=error)
    return problem(ApiError(500, "internal", "This is a defect; it has been logged."))
