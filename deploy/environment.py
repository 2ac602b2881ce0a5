"""What each process of the system is told: ports and EBBTIDE_* variables, in one place."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.private_files import write_private
from deploy.stack.choice import Stack
from deploy.stack.databases import SERVICES
from deploy.stack.ports import LOOPBACK, free_port

DEFAULT_PORT_BASE = 8100
PROJECT = Path(__file__).resolve().parents[1]
_CONFIG = Path(__file__).resolve().parent / "config"
_OFFSETS = {
    **{service: offset for offset, service in enumerate(SERVICES, start=1)},
    "mailbox": 8,
    "smtp": 9,
    "kafka": 10,
    "postgres": 11,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSettings:
    """How to run the system. Files left out: EBBTIDE_RULES, _POLICY and _STAFF, else the ones in deploy/config."""

    port_base: int = DEFAULT_PORT_BASE
    clock: str | None = None
    customer_sends: bool | None = None
    rules: Path | None = None
    policy: Path | None = None
    staff: Path | None = None


def choose_ports(base: int) -> dict[str, int]:
    """A port for everything that listens; base 0 means free ones."""
    return {name: base + offset if base else free_port() for name, offset in _OFFSETS.items()}


def service_url(port: int) -> str:
    """Of something of ours on this machine."""
    return f"http://{LOOPBACK}:{port}"


def load_secret(data_dir: Path) -> str:
    """EBBTIDE_SECRET, else the one made for this data directory at its first start (mode 0600)."""
    given = os.environ.get("EBBTIDE_SECRET")
    if given:
        return given
    path = data_dir / "secret"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48) + "\n")
    return path.read_text(encoding="ascii").strip()


class Environment:
    """Builds the environment of each process from the stack, the ports and the settings."""

    def __init__(self, stack: Stack, ports: Mapping[str, int], settings: SystemSettings, data_dir: Path) -> None:
        self._stack = stack
        self._ports = ports
        self._settings = settings
        self._data_dir = data_dir

    @property
    def has_mailbox(self) -> bool:
        """Ours is run unless the operator names a mail server."""
        return not os.environ.get("EBBTIDE_SMTP_URL")

    def of_service(self, service: str) -> dict[str, str]:
        """Everything of ours the operator has set is passed on; what the system decides wins."""
        told = {
            "EBBTIDE_HTTP_HOST": LOOPBACK,
            "EBBTIDE_HTTP_PORT": str(self._ports[service]),
            "EBBTIDE_POSTGRES_DSN": self._stack.dsn(service),
            "EBBTIDE_SECRET": load_secret(self._data_dir),
            "KAFKA_BOOTSTRAP": self._stack.kafka_bootstrap,
        }
        if self._settings.clock:
            told["EBBTIDE_CLOCK"] = self._settings.clock
        if service == "alerts":
            told["EBBTIDE_RULES"] = str(config_file(self._settings.rules, "EBBTIDE_RULES", "rules.yaml"))
            # What the live page asks for people.
            asked = ("profiles", "scoring", "notify")
            told |= {f"EBBTIDE_{name.upper()}_URL": service_url(self._ports[name]) for name in asked}
        if service == "profiles":
            told["EBBTIDE_POLICY"] = str(config_file(self._settings.policy, "EBBTIDE_POLICY", "policy.yaml"))
        if service == "notify":
            told |= self._of_notify()
        return inherited() | told

    @property
    def smtp_url(self) -> str:
        """The mail server that notify hands in at, without its user and password."""
        url = urlsplit({**os.environ, **self._of_notify()}["EBBTIDE_SMTP_URL"])
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"

    @property
    def customer_sends(self) -> bool:
        """Whether customers receive mail."""
        return self._of_notify()["EBBTIDE_CUSTOMER_SENDS"].lower() in ("true", "1", "yes", "on")

    def of_mailbox(self) -> dict[str, str]:
        """For `python -m deploy.mailbox`."""
        return inherited()

    def _of_notify(self) -> dict[str, str]:
        told = {"EBBTIDE_STAFF": str(config_file(self._settings.staff, "EBBTIDE_STAFF", "staff.yaml"))}
        if self.has_mailbox:
            told["EBBTIDE_SMTP_URL"] = f"smtp://{LOOPBACK}:{self._ports['smtp']}"
        if self._settings.customer_sends is not None:
            told["EBBTIDE_CUSTOMER_SENDS"] = str(self._settings.customer_sends).lower()
        return (
            {
                "EBBTIDE_PUBLIC_URL": service_url(self._ports["notify"]),
                "EBBTIDE_MAIL_FROM": "Ebbtide <ebbtide@example.com>",
                "EBBTIDE_CUSTOMER_SENDS": "false",
            }
            | {name: value for name, value in os.environ.items() if name in _NOTIFY_DEFAULTS}
            | told
        )


_NOTIFY_DEFAULTS = frozenset({"EBBTIDE_PUBLIC_URL", "EBBTIDE_MAIL_FROM", "EBBTIDE_CUSTOMER_SENDS"})


def inherited() -> dict[str, str]:
    """Our own environment, in which a child process also finds the packages of this project."""
    path = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def config_file(given: Path | None, variable: str, default: str) -> Path:
    """The file to use: the one given, else the one the environment names, else ours."""
    return Path(given or os.environ.get(variable) or _CONFIG / default).absolute()
