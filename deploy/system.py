"""The whole system on one machine: the stack, five services and a mailbox, supervised, started and stopped together."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deploy.environment import PROJECT, Environment, SystemSettings, choose_ports, service_url
from deploy.health import ask_ready
from deploy.private_files import make_private_directory
from deploy.processes import Command, GuardedProcess, wait_until
from deploy.stack.choice import Stack
from deploy.stack.databases import SERVICES
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.kafka import KafkaServer
from deploy.stack.ports import is_free
from deploy.stack.postgres import PostgresServer
from deploy.state import ProcessState, SystemState, owning, write_state
from deploy.supervisor import Say, Supervisor
from shared.errors import ConfigurationError

DRAIN_SECONDS = 25.0
READY_SECONDS = 180.0
_STACK_SECONDS = 20.0
_REPEAT_SECONDS = 5.0
_MAILBOX = "mailbox"
_OPERATOR_MUST_ACT = 2


@dataclass(frozen=True, slots=True)
class Program:
    """A process of ours: its arguments after `python -m`, and its environment."""

    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)


class _WaitingList:
    """Says what is waited for: when a name leaves the list, and every few seconds."""

    def __init__(self, say: Say) -> None:
        self.text = ""
        self._say = say
        self._names: tuple[str, ...] = ()
        self._told_at = 0.0

    def show(self, waiting: Mapping[str, str]) -> None:
        self.text = ", ".join(f"{name} ({why})" for name, why in waiting.items())
        names, now = tuple(waiting), time.monotonic()
        if waiting and (names != self._names or now - self._told_at > _REPEAT_SECONDS):
            self._say(f"waiting for {self.text}")
            self._told_at = now
        self._names = names


class System:
    """Everything in one data directory. Synchronous; from a coroutine call it in a thread.

    Every process ends when this one does, however it ends.
    """

    def __init__(
        self,
        stack: Stack,
        data_dir: Path,
        *,
        ports: Mapping[str, int] | None = None,
        settings: SystemSettings | None = None,
        say: Say = print,
        told: Callable[[str], Mapping[str, str]] = lambda service: {},
    ) -> None:
        """Nothing is started yet. `ports` as `choose_ports` gives them; the stack brings its own.

        `told` names variables that win in the environment of one service; it is asked once the stack has started.
        """
        self.stack = stack
        self.data_dir = data_dir.absolute()
        self.settings = settings or SystemSettings()
        self.ports = dict(ports or choose_ports(self.settings.port_base))
        self.is_ready = False
        self._say = say
        self._told = told
        self._environment = Environment(stack, self.ports, self.settings, self.data_dir)
        self._services = Supervisor(say=say, changed=self._remember)
        self._servers = Supervisor(say=say, changed=self._remember)
        self._writing = threading.Lock()
        self._held = ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """Base URL of each service, and of the mailbox."""
        names = (*SERVICES, _MAILBOX) if self._environment.has_mailbox else SERVICES
        return {name: service_url(self.ports[name]) for name in names}

    def start(self) -> None:
        """Start the stack, then the processes, and return; they need some seconds more (`wait_ready`).

        Raises ConfigurationError with one sentence, and leaves nothing running then.
        """
        try:
            make_private_directory(self.data_dir)
            self._held.enter_context(owning(self.data_dir))
            self._require_free_ports()
            self.stack.start()
            if isinstance(self.stack, EmbeddedStack):
                self._keep_up("kafka", self.stack.kafka)
                self._keep_up("postgres", self.stack.postgres)
            if self._environment.has_mailbox:
                self._add(_MAILBOX, self._mailbox())
            for service in SERVICES:
                self._add(service, Program((f"services.{service}",), self.environment_of(service)))
            self._remember()
        except BaseException:
            self.stop(drain_seconds=0)
            raise

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Block until every service says it is ready; says what is waited for whenever that changes.

        Raises ConfigurationError when a service cannot start as it is told, or after `timeout` seconds.
        """
        progress = _WaitingList(self._say)

        def ready() -> bool:
            waiting = {name: why for name in SERVICES if (why := ask_ready(self.urls[name]))}
            self._refuse_misconfigured(waiting)
            progress.show(waiting)
            return not waiting

        if not wait_until(ready, timeout=timeout, pace=0.1):
            raise ConfigurationError(
                f"After {timeout:g} s still waiting for {progress.text}; see the logs in {self.data_dir / 'logs'}."
            )
        self.is_ready = True
        self._remember()

    def stop(self, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Drain and stop the services at the same time, then the stack. Whatever hangs is killed, and it is said."""
        for name in self._services.stop(drain_seconds):
            self._say(f"{name} had not drained after {drain_seconds:g} s and was killed")
        self._servers.stop(_STACK_SECONDS)
        self.stack.stop()
        self._held.close()

    def pids(self) -> dict[str, int | None]:
        """Process ids by name: the services, the mailbox, kafka and postgres."""
        children = {**self._services.children, **self._servers.children}
        return {name: child.running.pid for name, child in children.items()}

    def environment_of(self, service: str) -> dict[str, str]:
        """What a process of this service is told; the stack must have started."""
        return {**self._environment.of_service(service), **self._told(service)}

    def log(self, name: str) -> Path:
        """Where the process of that name writes its log."""
        return self.data_dir / "logs" / f"{name}.log"

    def _require_free_ports(self) -> None:
        taken = [f"{self.ports[name]} ({name})" for name in self.urls if not is_free(self.ports[name])]
        if taken:
            raise ConfigurationError(
                f"Ports already taken by another program: {', '.join(taken)}; stop it, or choose others with "
                "--port-base (0 takes free ones)."
            )

    def _keep_up(self, name: str, server: KafkaServer | PostgresServer) -> None:
        """Supervise a server of the stack, which is running already."""

        def start() -> KafkaServer | PostgresServer:
            server.start()
            return server

        self._servers.add(name, start)

    def _mailbox(self) -> Program:
        arguments = ("deploy.mailbox", "--directory", str(self.data_dir / _MAILBOX))
        ports = ("--smtp-port", str(self.ports["smtp"]), "--http-port", str(self.ports[_MAILBOX]))
        return Program((*arguments, *ports), self._environment.of_mailbox())

    def _add(self, name: str, program: Program) -> None:
        command = Command(
            argv=(sys.executable, "-m", *program.arguments),
            env=program.env,
            cwd=PROJECT,
            log=self.log(name),
            grace=1.0,
        )
        self._services.add(name, lambda: GuardedProcess(command))

    def _refuse_misconfigured(self, waiting: Mapping[str, str]) -> None:
        """A service that ends at once because of what it was told will not get better by itself."""
        for name in waiting:
            child = self._services.children[name]
            if child.exit_code == _OPERATOR_MUST_ACT:
                said = self.log(name).read_text(encoding="utf-8", errors="replace").rpartition("ebbtide: ")[2]
                raise ConfigurationError(f"{name} cannot start: {said.strip()}")

    def _remember(self) -> None:
        """Write the state file."""
        children = {**self._services.children, **self._servers.children}

        def state(name: str) -> ProcessState:
            child = children.get(name)
            return ProcessState(
                port=self.ports[name],
                url=self.urls[name],
                log=str(self.log(name)),
                pid=child.running.pid if child else None,
                restarts=child.restarts if child else 0,
            )

        pids = self.pids()
        now = SystemState(
            pid=os.getpid(),
            stack=self.stack.name,
            ready=self.is_ready,
            kafka_bootstrap=self.stack.kafka_bootstrap,
            kafka_pid=pids.get("kafka"),
            postgres_address=urlsplit(self.stack.admin_dsn).netloc.rpartition("@")[2],
            postgres_pid=pids.get("postgres"),
            services={name: state(name) for name in SERVICES},
            mailbox=state(_MAILBOX) if _MAILBOX in children else None,
            admin_key=str(self.data_dir / "admin.key"),
            dsns={service: self.stack.dsn(service) for service in SERVICES},
            smtp_url=self._environment.smtp_url,
            customer_sends=self._environment.customer_sends,
        )
        with self._writing:
            write_state(self.data_dir, now)
