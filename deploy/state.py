"""What is running in a data directory: a file that the running system writes and every other command reads."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.private_files import write_private
from deploy.processes import wait_until
from shared.errors import ConfigurationError

_LOCK = "system.lock"


class ProcessState(msgspec.Struct, kw_only=True):
    """One process of the system: a service, or the mailbox."""

    port: int
    url: str
    log: str
    pid: int | None = None
    restarts: int = 0


class SystemState(msgspec.Struct, kw_only=True):
    """The running system. Holds passwords in `dsns`: the file is its owner's only, and `dsns` is never printed."""

    pid: int
    stack: str
    ready: bool
    kafka_bootstrap: str
    kafka_pid: int | None
    postgres_address: str
    postgres_pid: int | None
    services: dict[str, ProcessState]
    mailbox: ProcessState | None
    admin_key: str
    dsns: dict[str, str]
    smtp_url: str | None = None
    customer_sends: bool = False

    def __repr__(self) -> str:
        return f"SystemState(pid={self.pid}, stack={self.stack!r})"

    def urls(self) -> dict[str, str]:
        """Where to look, by name."""
        places = {name: service.url for name, service in self.services.items()}
        return places | ({"mailbox": self.mailbox.url} if self.mailbox is not None else {})


def state_path(data_dir: Path) -> Path:
    """Where the state of the system in `data_dir` is kept."""
    return data_dir / "system.json"


def write_state(data_dir: Path, state: SystemState) -> None:
    """Replace the state as a whole."""
    text = msgspec.json.format(msgspec.json.encode(state), indent=2).decode()
    write_private(state_path(data_dir), text + "\n")


def read_state(data_dir: Path) -> SystemState | None:
    """The state of the system that runs in `data_dir` now, or None when none does."""
    if not is_running(data_dir):
        return None
    try:
        return msgspec.json.decode(state_path(data_dir).read_bytes(), type=SystemState)
    except FileNotFoundError:
        return None


def require_state(data_dir: Path) -> SystemState:
    """For commands that talk to a running system. Raises ConfigurationError when none runs in `data_dir`."""
    state = read_state(data_dir)
    if state is None:
        raise ConfigurationError(f"No Ebbtide runs in {data_dir}: start it with `ebbtide up`, or name its --data.")
    return state


def owner_pid(data_dir: Path) -> int | None:
    """The process that runs the system in `data_dir`, also while it is still starting; None when nothing runs."""
    if not is_running(data_dir):
        return None
    text = (data_dir / _LOCK).read_text(encoding="ascii")
    return int(text) if text else None


@contextmanager
def owning(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for one system, whose state is gone at the end. Raises ConfigurationError if held."""
    with _lock_file(data_dir) as descriptor:
        if not wait_until(lambda: _taken(descriptor), timeout=1):
            raise ConfigurationError(
                f"Ebbtide already runs in {data_dir} (pid {owner_pid(data_dir)}): look with `ebbtide status`, stop it "
                "with `ebbtide down`, or start another with --data and --port-base."
            )
        state_path(data_dir).unlink(missing_ok=True)
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        try:
            yield
        finally:
            state_path(data_dir).unlink(missing_ok=True)
            os.truncate(descriptor, 0)


def is_running(data_dir: Path) -> bool:
    """Whether a system holds the data directory. A dead one holds nothing, whatever its file says."""
    if not (data_dir / _LOCK).exists():
        return False
    with _lock_file(data_dir) as descriptor:
        return not _taken(descriptor)


@contextmanager
def _lock_file(data_dir: Path) -> Iterator[int]:
    try:
        descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"Ebbtide cannot use the data directory {data_dir}: {error.strerror}.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
