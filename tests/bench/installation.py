"""The five services of a whole system as processes on the arena's stack, with their own topics and databases."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import executable
from time import perf_counter

import aiohttp
import psutil

from deploy.access import change_principals
from deploy.environment import Environment, SystemSettings, choose_ports, service_url
from deploy.health import ask_ready
from deploy.processes import GuardedProcess
from deploy.stack.databases import SERVICES
from services.ingest.handlers.principals import Request, create_principal
from shared.clock import pause
from tests.bench.arena import Arena
from tests.bench.race import ContenderFailed, running
from tests.bench.sender import Answer, read_answers, write_bodies

_READY_WITHIN = 90.0
_SENT_WITHIN = 300.0
_POLL = 0.1


@dataclass(slots=True)
class _Place:
    """The arena in the words of a stack, so that services are told what they are always told."""

    kafka_bootstrap: str
    admin_dsn: str
    dsns: Mapping[str, str]
    name: str = "bench"

    def dsn(self, service: str) -> str:
        return self.dsns[service]

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """Somebody else does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A running system. `prefix` is put before its topics and groups; the key may send and read alerts."""

    arena: Arena
    prefix: str
    dsns: Mapping[str, str]
    urls: Mapping[str, str]
    key: str
    processes: Mapping[str, GuardedProcess]
    folder: Path

    def check_alive(self) -> None:
        """Raises ContenderFailed when one of the processes has ended."""
        for name, process in self.processes.items():
            if (code := process.exit_code()) is not None:
                raise ContenderFailed(f"{name} ended with {code}; its log is {process.command.log}")

    @asynccontextmanager
    async def sending(
        self, name: str, bodies: Sequence[bytes], *, in_flight: int, interval: float = 0
    ) -> AsyncIterator["Sending"]:
        """A sender that has begun to post `bodies`."""
        files = self.folder / f"{name}.bodies", self.folder / f"{name}.answers"
        write_bodies(files[0], bodies)
        files[1].unlink(missing_ok=True)
        environment = {
            "BENCH_URL": self.urls["ingest"] + "/v1/interactions",
            "BENCH_KEY": self.key,
            "BENCH_BODIES": str(files[0]),
            "BENCH_ANSWERS": str(files[1]),
            "BENCH_IN_FLIGHT": str(in_flight),
            "BENCH_INTERVAL": str(interval),
        }
        argv = (executable, "-m", "tests.bench.sender")
        with running(argv, environment, self.folder / f"{name}.log") as process:
            yield Sending(process, files[1], self)


@dataclass(slots=True)
class Sending:
    """Requests under way. `cpu` is what the sender used, known as long as it runs."""

    process: GuardedProcess
    answers: Path
    installation: Installation
    cpu: float = 0.0

    async def finished(self) -> list[Answer]:
        """Every answer. Raises ContenderFailed when the sender or a service ends badly."""
        begun = perf_counter()
        while (code := self.process.exit_code()) is None:
            self.installation.check_alive()
            if perf_counter() - begun > _SENT_WITHIN:
                raise ContenderFailed(f"not sent within {_SENT_WITHIN:.0f} s; its log is {self.process.command.log}")
            self._look()
            await pause(_POLL)
        if code:
            raise ContenderFailed(f"the sender ended with {code}; its log is {self.process.command.log}")
        return read_answers(self.answers)

    def _look(self) -> None:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.NoSuchProcess:
            return
        self.cpu = max(self.cpu, times.user + times.system)


@asynccontextmanager
async def installed(arena: Arena, name: str) -> AsyncIterator[Installation]:
    """A fresh system that is ready, gone afterwards. It mails nobody: its mail server is a mailbox beside it.

    Raises ContenderFailed when it does not get ready.
    """
    async with AsyncExitStack() as stack:
        dsns = {
            service: await stack.enter_async_context(arena.database(f"bench_{name}_{service}")) for service in SERVICES
        }
        folder = arena.logs / name
        folder.mkdir(parents=True, exist_ok=True)
        ports = choose_ports(0)
        place = _Place(arena.bootstrap, arena.dsn, dsns)
        environment = Environment(place, ports, SystemSettings(customer_sends=False), folder)
        common = {
            "KAFKA_TOPIC_PREFIX": f"{name}.",
            "EBBTIDE_LOG_LEVEL": "WARNING",
            "EBBTIDE_SMTP_URL": f"smtp://127.0.0.1:{ports['smtp']}",
        }
        request = Request(name="bench", kind="system", namespace=None, scopes=("interactions:write", "alerts:read"))
        granted = await change_principals(dsns["ingest"], lambda store: create_principal(store, request))
        numbers = ("--smtp-port", str(ports["smtp"]), "--http-port", str(ports["mailbox"]))
        mailbox = (executable, "-m", "deploy.mailbox", "--directory", str(folder / "mail"), *numbers)
        stack.enter_context(running(mailbox, environment.of_mailbox(), folder / "mailbox.log"))
        processes = {
            service: stack.enter_context(
                running(
                    (executable, "-m", f"services.{service}"),
                    {**environment.of_service(service), **common},
                    folder / f"{service}.log",
                )
            )
            for service in SERVICES
        }
        installation = Installation(
            arena=arena,
            prefix=common["KAFKA_TOPIC_PREFIX"],
            dsns=dsns,
            urls={service: service_url(ports[service]) for service in SERVICES},
            key=granted.key.secret,
            processes=processes,
            folder=folder,
        )
        await _wait_ready(installation)
        yield installation


async def _wait_ready(installation: Installation) -> None:
    """Every service answers that it is ready, and knows the key."""
    begun = perf_counter()
    waiting: dict[str, str] = {"all": "not asked yet"}
    headers = {"Authorization": f"Bearer {installation.key}"}
    while waiting:
        installation.check_alive()
        if perf_counter() - begun > _READY_WITHIN:
            raise ContenderFailed(f"not ready within {_READY_WITHIN:.0f} s: {waiting}; logs in {installation.folder}")
        await pause(_POLL)
        answers = {service: await asyncio.to_thread(ask_ready, url) for service, url in installation.urls.items()}
        waiting = {service: why for service, why in answers.items() if why}
    async with aiohttp.ClientSession(headers=headers) as session:
        for service, method, path in (("ingest", "POST", "/v1/interactions"), ("alerts", "GET", "/v1/alerts")):
            while await _status(session, method, installation.urls[service] + path) == 401:
                if perf_counter() - begun > _READY_WITHIN:
                    raise ContenderFailed(f"{service} does not know the key after {_READY_WITHIN:.0f} s")
                await pause(_POLL)


async def _status(session: aiohttp.ClientSession, method: str, url: str) -> int:
    async with session.request(method, url, data=b"[]") as response:
        return response.status
