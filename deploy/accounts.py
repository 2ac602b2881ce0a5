"""PostgreSQL refuses to run as root. When we are root, its processes run under an unprivileged account instead."""

import os
import pwd
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system user that may do nothing special."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The account to drop to when we are root; None when we are not (then we run as ourselves).

    Existing accounts only: starting a demo must not add users to a machine.
    """
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        "PostgreSQL does not run as root and this machine has neither an account `postgres` nor `nobody`; "
        "create one or start Ebbtide as another user."
    )


def can_reach(path: Path, account: Account) -> bool:
    """Whether the account may enter every directory on the way to `path`, and read `path` itself."""
    resolved = path.resolve()
    return all(_allows(parent, account, read=False) for parent in resolved.parents) and _allows(
        resolved, account, read=True
    )


def _allows(path: Path, account: Account, *, read: bool) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        shift = 6
    elif status.st_gid == account.gid:
        shift = 3
    else:
        shift = 0
    wanted = stat.S_IXOTH | (stat.S_IROTH if read else 0)
    return (status.st_mode >> shift) & wanted == wanted


@contextmanager
def reachable(directory: Path, account: Account | None) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """A path to `directory` that works for the account, and the descriptors its processes must inherit for it.

    The parents of a data directory are often closed to others (a home directory, mode 0700). Opening them up would
    weaken the machine, so the account gets an open descriptor of the directory itself and names it through /proc.
    """
    if account is None or sys.platform != "linux":
        yield directory, ()
        return
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}"), (descriptor,)
    finally:
        os.close(descriptor)
