"""One server per data directory: a lock that the server itself holds until it is really gone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.processes import wait_until
from shared.errors import ConfigurationError

PATIENCE = 12.0


@contextmanager
def data_lock(path: Path, what: str, *, patience: float = PATIENCE) -> Iterator[int]:
    """Take the lock and yield its descriptor, for the server to inherit; it stays locked as long as anyone has it.

    Waits a little for a server whose owner just died and that is stopping. Raises ConfigurationError after that.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not wait_until(lambda: _locked(descriptor), timeout=patience):
            raise ConfigurationError(
                f"Another running Ebbtide uses {what} in {path.parent}: stop it with `ebbtide down`, or give another "
                "directory with --data."
            )
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
