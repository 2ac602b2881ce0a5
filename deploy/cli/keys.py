"""`ebbtide keys`: who may call, and with which keys."""

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import App, Parameter
from rich.table import Table

from deploy.cli._options import DEFAULT_DATA, DataOption, JsonOption, table_console
from services.ingest.handlers.principals import Granted, Request, create_principal, key_state, revoke_key, rotate_key
from shared.clock import real_now
from shared.contracts import Principal
from shared.contracts.access import Scope
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.ingest.store import IngestStore

T = TypeVar("T")

# A system's name is the source of its events, so it is plain; people are called as they are called.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST_NAME = 80
_NAMESPACE = re.compile(r"[a-z][a-z0-9_-]{0,31}")

DaysOption = Annotated[int | None, Parameter(name="--days", help="Days the key is good for; unset: until revoked.")]


def register(app: App) -> None:
    """Add the command."""
    keys = App(name="keys", help="Make, list, rotate and revoke the keys that systems and people call with.")
    keys.command(create)
    keys.command(list_keys, name="list")
    keys.command(rotate)
    keys.command(revoke)
    app.command(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrincipal:
    """The options of `keys create`."""

    name: str
    kind: Literal["system", "person"] = "system"
    namespace: str | None = None
    scope: Annotated[list[Scope], Parameter(negative=())]


def create(
    principal: Annotated[NewPrincipal, Parameter(name="*")],
    *,
    days: DaysOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Make a principal and its first key, which is shown this once.

    Parameters
    ----------
    principal.name:
        Of the system or person; the source of events that name none.
    principal.kind:
        What it is.
    principal.namespace:
        Put before references that come without one.
    principal.scope:
        What it may do; repeat for several.
    """
    name = checked_name(principal.name, principal.kind)
    if principal.namespace is not None and not _NAMESPACE.fullmatch(principal.namespace):
        raise ConfigurationError("--namespace is up to 32 of a-z, 0-9, _ and -, beginning with a letter.")
    request = Request(
        name=name,
        kind=principal.kind,
        namespace=principal.namespace,
        scopes=tuple(dict.fromkeys(principal.scope)),
        expires_at=_expiry(days),
    )
    return _show(_with_principals(data, lambda store: create_principal(store, request)), as_json)


def checked_name(name: str, kind: Literal["system", "person"]) -> str:
    """The name in one form, so that two that look the same are the same."""
    if kind == "system":
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                "--name of a system is up to 100 letters, digits, dots, _ and -, beginning with a letter or digit; "
                "with --kind person it may be an ordinary name."
            )
        return name
    plain = _in_one_form(name)
    written = all(one.isalnum() or unicodedata.category(one)[0] == "M" or one in " .-_'’·" for one in plain)
    if not (0 < len(plain) <= _LONGEST_NAME and plain[0].isalnum() and written):
        raise ConfigurationError(
            f"--name of a person is up to {_LONGEST_NAME} letters of any script, digits, spaces, dots, apostrophes, "
            "_ and -, beginning with a letter or digit."
        )
    return plain


def _in_one_form(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def list_keys(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> int:
    """Show every principal and its keys, never a secret."""
    principals = _with_principals(data, lambda store: store.list_principals())
    if as_json:
        print(json.dumps({"items": [_described(principal) for principal in principals]}, indent=2))
        return 0
    table = Table("name", "kind", "namespace", "scopes", "key", "state", "made", "expires", box=None, pad_edge=False)
    for principal in principals:
        for number, key in enumerate(principal.keys):
            who = [principal.name, principal.kind, principal.namespace or "-", " ".join(principal.scopes)]
            table.add_row(
                *(who if number == 0 else [""] * 4),
                key.key_id,
                key_state(key),
                _instant(key.created_at),
                _instant(key.expires_at),
            )
    table_console().print(table)
    return 0


def rotate(
    name: str,
    /,
    *,
    overlap_hours: Annotated[float, Parameter(help="Hours the old key goes on working.")] = 24,
    days: DaysOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> int:
    """Give a principal a new key; the old one works on for a while, so that nothing stops."""
    if not 0 <= overlap_hours <= 24 * 365:
        raise ConfigurationError("--overlap-hours is between 0 and 8760.")
    granted = _with_principals(
        data,
        lambda store: rotate_key(
            store, _in_one_form(name), overlap=timedelta(hours=overlap_hours), expires_at=_expiry(days)
        ),
    )
    return _show(granted, as_json)


def revoke(key_id: str, /, *, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> int:
    """End a key now, everywhere within seconds."""
    principal = _with_principals(data, lambda store: revoke_key(store, key_id))
    if as_json:
        print(json.dumps(_described(principal), indent=2))
    else:
        print(f"Key {key_id} of {principal.name} is revoked.")
    return 0


def _with_principals(data: Path, act: Callable[["IngestStore"], Awaitable[T]]) -> T:
    from deploy.access import find_dsn, with_principals

    return with_principals(find_dsn(data), act)


def _show(granted: Granted, as_json: bool) -> int:
    principal, key = granted.principal, granted.key
    if as_json:
        print(json.dumps(_described(principal) | {"key_id": key.key_id, "key": key.secret}, indent=2))
        return 0
    print(f"The key of {principal.name} ({', '.join(principal.scopes)}), shown this once:\n\n{key.secret}\n")
    return 0


def _described(principal: Principal) -> dict[str, Any]:
    return {
        "principal_id": principal.principal_id,
        "name": principal.name,
        "kind": principal.kind,
        "namespace": principal.namespace,
        "scopes": list(principal.scopes),
        "keys": [
            {
                "key_id": key.key_id,
                "state": key_state(key),
                "created_at": _instant(key.created_at),
                "expires_at": _instant(key.expires_at) if key.expires_at else None,
                "revoked_at": _instant(key.revoked_at) if key.revoked_at else None,
            }
            for key in principal.keys
        ],
    }


def _expiry(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= 36_500:
        raise ConfigurationError("--days is between 1 and 36500.")
    return real_now() + timedelta(days=days)


def _instant(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else "-"
