"""Who may call: bearer keys checked locally against what `access.v1` said last."""

from collections.abc import Awaitable, Callable

import structlog
from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.access import Directory
from shared.clock import real_now
from shared.contracts import Principal
from shared.contracts.access import Scope
from shared.http.problems import ApiError
from shared.http.throttle import Throttle

BAD_KEY = "bad_key"
FAILURES_A_MINUTE = 60

_BEARER = HTTPBearer(auto_error=False, description="A key made with `ebbtide keys create`.")


def requires(*scopes: Scope) -> Callable[..., Awaitable[Principal]]:
    """A dependency that lets a principal with one of `scopes` (or `admin`) through and answers 401 or 403 to others.

    An address that sends one bad key after the other is answered 429. Good keys are let in from there all the same:
    behind one proxy there are many.
    """

    async def check(
        request: Request, credentials: HTTPAuthorizationCredentials | None = Security(_BEARER, scopes=scopes)
    ) -> Principal:
        directory: Directory = request.app.state.directory
        key = credentials.credentials if credentials else None
        try:
            return authorise(directory, key, *scopes)
        except ApiError as error:
            if key is not None and error.code == BAD_KEY:
                _count_failure(request)
            raise

    return check


def authorise(directory: Directory, key: str | None, *scopes: Scope) -> Principal:
    """The principal of a key, if it may do what one of `scopes` says. Raises ApiError 401, 403 or 503."""
    if not directory.loaded:
        raise ApiError(503, "access_unknown", "Keys are not loaded yet.", headers={"Retry-After": "1"})
    principal = directory.find(key) if key else None
    if principal is None:
        raise ApiError(
            401, BAD_KEY, "Send a valid key as `Authorization: Bearer <key>`.", headers={"WWW-Authenticate": "Bearer"}
        )
    if not {*scopes, "admin"} & {*principal.scopes}:
        raise ApiError(403, "missing_scope", f"This key lacks the scope {' or '.join(scopes)}.")
    structlog.contextvars.bind_contextvars(principal=principal.principal_id)
    return principal


def _count_failure(request: Request) -> None:
    failures: Throttle = request.app.state.failures
    address, now = request.client.host if request.client else "", real_now()
    if failures.refuses(address, now):
        raise ApiError(
            429, "too_many_failures", "Too many bad keys came from this address.", headers={"Retry-After": "60"}
        ) from None
    failures.note(address, now)
