"""Who may call: principals are made, and their keys given, changed and taken away. Hashes are stored, never a key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
from typing import Literal, Protocol
from uuid import UUID, uuid5

import msgspec

from shared.access import NewKey, new_key
from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Snapshot
from shared.contracts.access import Scope
from shared.errors import EbbtideError
from shared.ids import next_version

PRINCIPALS = UUID("6f2d3c52-0b1e-5a8e-9f53-9d0f5e1c7a04")
MAX_ACTIVE_KEYS = 2


class PrincipalStore(Protocol):
    """The part of ingest's store this needs."""

    async def get_principal_by_name(self, name: str) -> Snapshot[Principal] | None: ...

    async def get_principal_by_key(self, key_id: str) -> Snapshot[Principal] | None: ...

    async def append_principal(self, snapshot: Snapshot[Principal]) -> bool: ...

    async def update_principal(self, snapshot: Snapshot[Principal]) -> None: ...

    async def get_clock_micros(self) -> int: ...


class PrincipalError(EbbtideError):
    """What was asked for cannot be done; the sentence says why and what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a new principal is to be."""

    name: str
    kind: Literal["system", "person"]
    namespace: str | None
    scopes: tuple[Scope, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """A key just made, to be shown once, and whose it is."""

    principal: Principal
    key: NewKey


async def create_principal(store: PrincipalStore, request: Request) -> Granted:
    """A new principal with its first key. Raises PrincipalError when the name is taken."""
    key = new_key()
    principal = Principal(
        principal_id=str(uuid5(PRINCIPALS, request.name)),
        name=request.name,
        kind=request.kind,
        namespace=request.namespace,
        scopes=request.scopes,
        keys=(_access_key(key, request.expires_at),),
    )
    snapshot = _snapshot(principal, next_version(0, await store.get_clock_micros()))
    if not await store.append_principal(snapshot):
        raise PrincipalError(f"{request.name} exists already; `ebbtide keys rotate {quote(request.name)}` gives a key.")
    return Granted(principal, key)


async def rotate_key(
    store: PrincipalStore, name: str, *, overlap: timedelta, expires_at: datetime | None = None
) -> Granted:
    """A second key for a principal; the first goes on working for `overlap`. Raises PrincipalError."""
    stored = await store.get_principal_by_name(name)
    if stored is None:
        raise PrincipalError(f"There is no principal {name}; `ebbtide keys create --name {quote(name)}` makes it.")
    now = real_now()
    active = [key.key_id for key in stored.data.keys if _active(key, now)]
    if len(active) >= MAX_ACTIVE_KEYS:
        raise PrincipalError(f"{name} has {len(active)} keys already; `ebbtide keys revoke {active[0]}` first.")
    key = new_key()
    # Long dead keys go, so that a principal does not grow with every rotation.
    kept = [_ends(old, now + overlap) for old in stored.data.keys if _active(old, now)]
    principal = msgspec.structs.replace(stored.data, keys=(*kept, _access_key(key, expires_at)))
    await _update(store, stored, principal)
    return Granted(principal, key)


async def revoke_key(store: PrincipalStore, key_id: str) -> Principal:
    """End a key now; doing it twice is doing it once. Raises PrincipalError for an id that nobody has."""
    stored = await store.get_principal_by_key(key_id)
    if stored is None:
        raise PrincipalError(f"There is no key {key_id}; `ebbtide keys list` shows them.")
    now = real_now()
    keys = tuple(
        msgspec.structs.replace(key, revoked_at=now) if key.key_id == key_id and key.revoked_at is None else key
        for key in stored.data.keys
    )
    if keys == stored.data.keys:
        return stored.data
    principal = msgspec.structs.replace(stored.data, keys=keys)
    await _update(store, stored, principal)
    return principal


def key_state(key: AccessKey) -> Literal["active", "expired", "revoked"]:
    """What a key is good for now."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if _active(key, real_now()) else "expired"


async def _update(store: PrincipalStore, stored: Snapshot[Principal], principal: Principal) -> None:
    version = next_version(stored.version, await store.get_clock_micros())
    await store.update_principal(_snapshot(principal, version))


def _snapshot(principal: Principal, version: int) -> Snapshot[Principal]:
    return Snapshot(
        id=f"{principal.principal_id}:{version}",
        source="ebbtide/ingest",
        type="ebbtide.principal",
        subject=principal.principal_id,
        time=real_now(),
        version=version,
        data=principal,
    )


def _access_key(key: NewKey, expires_at: datetime | None) -> AccessKey:
    return AccessKey(key_id=key.key_id, sha256=key.sha256, created_at=real_now(), expires_at=expires_at)


def _active(key: AccessKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _ends(key: AccessKey, at: datetime) -> AccessKey:
    return msgspec.structs.replace(key, expires_at=at if key.expires_at is None else min(key.expires_at, at))
