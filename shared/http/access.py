"""Who may call: bearer keys checked locally against what `access.v1` said last."""

from collections.abc import Awaitable, Callable

import structlog
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.access import Directory
from shared.contracts import Principal
from shared.contracts.access import Scope
from shared.http.problems import ApiError

_BEARER = HTTPBearer(auto_error=False, description="A key made with `ebbtide keys create`.")


def requires(*scopes: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency that lets a principal with one of `scopes` (or `admin`) through and answers 401 or 403 to others."""

    async def check(
        request: Request, credentials: HTTPAuthorizationCredentials | None = Security(_BEARER)
    ) -> Principal:
        directory: Directory = request.app.state.directory
        return authorise(directory, credentials.credentials if credentials else None, *scopes)

    return check


def authorise(directory: Directory, key: str | None, *scopes: Scope) -> Principal:
    """The principal of a key, if it may do what one of `scopes` says. Raises ApiError 401, 403 or 503."""
    if not directory.loaded:
        raise ApiError(503, "access_unknown", "Keys are not loaded yet.", headers={"Retry-After": "1"})
    principal = directory.find(key) if key else None
    if principal is None:
        raise ApiError(
            401, "bad_key", "Send a valid key as `Authorization: Bearer <key>`.", headers={"WWW-Authenticate": "Bearer"}
        )
    if not {*scopes, "admin"} & {*principal.scopes}:
        raise ApiError(403, "missing_scope", f"This key lacks the scope {' or '.join(scopes)}.")
    structlog.contextvars.bind_contextvars(principal=principal.principal_id)
    return principal
