"""`access.v1`: who may call, with hashes of keys and never a key."""

from datetime import datetime
from typing import Literal

from shared.contracts.record import Record

Scope = Literal[
    "interactions:write",
    "customers:read",
    "scores:read",
    "alerts:read",
    "alerts:write",
    "notifications:read",
    "admin",
]


class AccessKey(Record, frozen=True, kw_only=True):
    """One bearer key: the SHA-256 of its secret, and until when it is good."""

    key_id: str
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Principal(Record, frozen=True, kw_only=True):
    """A system or a person that may call; `namespace` is put before the references a system gives without one."""

    principal_id: str
    name: str
    kind: Literal["system", "person"]
    namespace: str | None = None
    scopes: tuple[Scope, ...] = ()
    keys: tuple[AccessKey, ...] = ()
