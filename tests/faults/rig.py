"""The system as real processes, a load on it, and what the faults need to get at."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from deploy.access import change_principals
from deploy.environment import PROJECT, SystemSettings, choose_ports
from deploy.processes import Command, GuardedProcess
from deploy.stack.choice import Stack
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.ports import free_port
from deploy.system import System
from services.ingest.handlers.principals import Request, create_principal
from shared.clock import pause, real_now
from shared.contracts.access import Scope
from tests.faults.crowd import Crowd
from tests.faults.expected import expect
from tests.faults.ledger import Difference, compare
from tests.faults.lines import Lines
from tests.faults.load import Load
from tests.faults.observed import Observed, Observer, read_in_hand, read_seen
from tests.faults.reader import LiveReader
from tests.faults.subscriber import Subscriber, open_subscriber
from tests.faults.truth import TruthFile, read_truth
from tests.support.at_rest import CONSUMES, Look, Watcher
from tests.support.proxies import Proxies

# The services sample what they have in hand once a second.
_LOOK_SECONDS = 0.7
_QUIET_LOOKS = 4
CANARIES = 24


@dataclass(slots=True)
class Rig:
    """Everything running. Blocking calls are made in threads. `said`: what the supervisor of the system said.
    `observed`: what `differences` saw last.

    `chance` is for the faults: what they do comes from the seed. Only the embedded stack is reached over lines.
    """

    system: System
    load: Load
    crowd: Crowd
    truth: TruthFile
    reader: LiveReader
    subscriber: Subscriber
    said: list[str]
    chance: random.Random
    directory: Path
    lines_or_none: Lines | None
    _observed: Observed | None = None
    _observer: Observer | None = None

    @property
    def lines(self) -> Lines:
        """Between the services and their databases and brokers."""
        assert self.lines_or_none is not None, "this stack has no lines"
        return self.lines_or_none

    @property
    def observed(self) -> Observed:
        """What there was when it was counted last."""
        assert self._observed is not None, "nothing has been counted"
        return self._observed

    @property
    def dsns(self) -> dict[str, str]:
        return {service: self.system.stack.dsn(service) for service in CONSUMES}

    @property
    def services(self) -> dict[str, str]:
        """Base URLs."""
        return {name: url for name, url in self.system.urls.items() if name in CONSUMES}

    def pid(self, name: str) -> int:
        """Of a service, `kafka` or `postgres`, as it runs now."""
        pid = self.system.pids()[name]
        assert pid, f"{name} does not run"
        return pid

    def process(self, service: str) -> psutil.Process | None:
        """Of a service, if it runs just now; its number may be another program's by the time it does not."""
        try:
            process = psutil.Process(self.pid(service))
            return process if f"services.{service}" in process.cmdline() else None
        except psutil.Error:
            return None

    def replica(self, service: str) -> GuardedProcess:
        """One more process of a service, in the same groups, on the same database."""
        environment = self.system.environment_of(service) | {"EBBTIDE_HTTP_PORT": str(free_port())}
        argv = (sys.executable, "-m", f"services.{service}")
        log = self.directory / "logs" / f"{service}-replica.log"
        return GuardedProcess(Command(argv=argv, env=environment, cwd=PROJECT, log=log, grace=1.0))

    async def canaries(self) -> set[str]:
        """Somebody new buys and complains; returns their references once that is accepted."""
        events = self.crowd.canaries(CANARIES)
        await self.load.send(events)
        return {event["subject"] for event in events}

    async def wait_seen(self, references: set[str], *, since: float, patience: float, sent: bool = True) -> float:
        """Seconds since `since` until all of these have a record, a score, and mail has gone to their owner.

        The time until patience ended, when they do not. Without `sent` the mail need only be written down to be sent.
        """
        while True:
            seen = await self._seen(references, sent)
            passed = time.monotonic() - since
            if seen or passed > patience:
                return passed
            await pause(0.25)

    async def rest(self, *, patience: float) -> Look:
        """Returns when nothing is under way, or the last look when that has not come about in time."""
        deadline = time.monotonic() + patience
        quiet, before = 0, Look({"run": "not looked yet"})
        async with AsyncExitStack() as stack:
            watcher = await stack.enter_async_context(
                Watcher(self.dsns, self.system.stack.kafka_bootstrap, in_hand=self._in_hand)
            )
            while quiet < _QUIET_LOOKS:
                look = await watcher.look(real_now())
                quiet = quiet + 1 if not look.busy and look.ends == before.ends else 0
                before = look
                if time.monotonic() > deadline:
                    break
                await pause(_LOOK_SECONDS)
        return before

    async def differences(self) -> list[Difference]:
        """Count everything accepted so far against everything there is. At rest only."""
        if self._observer is None:
            bootstrap, mailbox = self.system.stack.kafka_bootstrap, self.directory / "mailbox"
            self._observer = Observer(self.dsns, bootstrap, mailbox=mailbox, urls=self.services)
        self._observed = await self._observer.look()
        return compare(expect(read_truth(self.truth.path), real_now()), self._observed)

    async def _seen(self, references: set[str], sent: bool) -> bool:
        try:
            return await read_seen(self.dsns, references, sent=sent)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False

    async def _in_hand(self) -> Mapping[str, float]:
        names = list(self.services)
        found = await asyncio.gather(*(asyncio.to_thread(read_in_hand, self.services[name]) for name in names))
        return dict(zip(names, found, strict=True))


@asynccontextmanager
async def open_rig(
    directory: Path,
    *,
    seed: int,
    rate: float,
    told: Callable[[str], Mapping[str, str]] = lambda service: {},
    stack: Stack | None = None,
) -> AsyncIterator[Rig]:
    """Start everything in an empty directory; stop everything at the end. `told`: more environment for a service.

    `stack`: another one than the embedded.
    """
    said: list[str] = []
    ports = choose_ports(0)
    stack = stack or EmbeddedStack(directory, kafka_port=ports["kafka"], postgres_port=ports["postgres"])
    async with open_subscriber() as subscriber:
        with Proxies(seed=seed) as proxies:
            lines = Lines(proxies, stack) if isinstance(stack, EmbeddedStack) else None

            def environment(service: str) -> dict[str, str]:
                heard = subscriber.environment if service == "notify" else {}
                return {**(lines.told(service) if lines else {}), **heard, **told(service)}

            system = System(
                stack,
                directory,
                ports=ports,
                settings=SystemSettings(port_base=0, customer_sends=True),
                say=said.append,
                told=environment,
            )
            truth = TruthFile(directory / "truth.jsonl")
            try:
                await asyncio.to_thread(system.start)
                await asyncio.to_thread(system.wait_ready)
                emitter = await _key(stack, "faults", "interactions:write")
                watcher = await _key(stack, "watcher", "customers:read", "scores:read", "alerts:read")
                await subscriber.subscribe(system.urls["notify"], watcher)
                crowd = Crowd(seed, real_now())
                yield Rig(
                    system=system,
                    load=Load(system.urls["ingest"], emitter, crowd=crowd, truth=truth, rate=rate),
                    crowd=crowd,
                    truth=truth,
                    reader=LiveReader(system.urls, watcher, stack.kafka_bootstrap, seed=seed),
                    subscriber=subscriber,
                    said=said,
                    chance=random.Random(seed),
                    directory=directory,
                    lines_or_none=lines,
                )
            finally:
                truth.close()
                await asyncio.to_thread(system.stop)


async def _key(stack: Stack, name: str, *scopes: Scope) -> str:
    request = Request(name=name, kind="system", namespace="shop", scopes=scopes)
    granted = await change_principals(stack.dsn("ingest"), lambda store: create_principal(store, request))
    return granted.key.secret


def names(differences: Sequence[Difference], limit: int = 5) -> list[str]:
    """The first few, for people."""
    return [f"{one.kind} in {one.where}: {one.what}" for one in differences[:limit]]
