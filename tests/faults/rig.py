"""The system as real processes, a load on it, and what the faults need to get at."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.access import change_principals
from deploy.environment import PROJECT, SystemSettings, choose_ports
from deploy.processes import Command, GuardedProcess
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.ports import free_port
from deploy.system import System
from services.ingest.handlers.principals import Request, create_principal
from shared.clock import pause, real_now
from tests.faults.crowd import Crowd
from tests.faults.expected import expect
from tests.faults.ledger import Difference, compare
from tests.faults.load import Load
from tests.faults.observed import observe, read_in_hand
from tests.faults.truth import TruthFile, read_truth
from tests.support.at_rest import CONSUMES, Look, Watcher
from tests.support.snapshots import read_snapshots

# The services sample what they have in hand once a second.
_LOOK_SECONDS = 0.7
_QUIET_LOOKS = 4
CANARIES = 24


@dataclass(slots=True)
class Rig:
    """Everything running. Blocking calls are made in threads."""

    system: System
    load: Load
    crowd: Crowd
    truth: TruthFile
    directory: Path

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

    async def wait_seen(self, references: set[str], *, since: float, patience: float) -> float:
        """Seconds since `since` until all of these have a record, a score, and mail has gone to their owner.

        The time until patience ended, when they do not.
        """
        while True:
            seen = await self._seen(references)
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
        observed = await observe(
            self.dsns,
            self.system.stack.kafka_bootstrap,
            mailbox=self.directory / "mailbox",
            urls=self.services,
        )
        return compare(expect(read_truth(self.truth.path), real_now()), observed)

    async def _seen(self, references: set[str]) -> bool:
        try:
            profiles = await self._rows("profiles")
            mine = {key for key, text in profiles.items() if any(f'"{one}"' in text for one in references)}
            if len(mine) < len(references) or not mine <= (await self._rows("scoring")).keys():
                return False
            sent = [text for text in (await self._rows("notify")).values() if '"status":"sent"' in text]
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        return all(any(f'"customer_id":"{one}"' in text for text in sent) for one in mine)

    async def _rows(self, service: str) -> dict[str, str]:
        connection = await asyncpg.connect(self.dsns[service], timeout=3)
        try:
            rows = await read_snapshots(connection, service)
        finally:
            await connection.close(timeout=3)
        return {key: one.snapshot.decode() for key, one in rows.items() if one.snapshot}

    async def _in_hand(self) -> Mapping[str, float]:
        names = list(self.services)
        found = await asyncio.gather(*(asyncio.to_thread(read_in_hand, self.services[name]) for name in names))
        return dict(zip(names, found, strict=True))


@asynccontextmanager
async def open_rig(directory: Path, *, seed: int, rate: float) -> AsyncIterator[Rig]:
    """Start everything in an empty directory; stop everything at the end."""
    told: list[str] = []
    ports = choose_ports(0)
    stack = EmbeddedStack(directory, kafka_port=ports["kafka"], postgres_port=ports["postgres"])
    settings = SystemSettings(port_base=0, customer_sends=True)
    system = System(stack, directory, ports=ports, settings=settings, say=told.append)
    truth = TruthFile(directory / "truth.jsonl")
    try:
        await asyncio.to_thread(system.start)
        await asyncio.to_thread(system.wait_ready)
        request = Request(name="faults", kind="system", namespace="shop", scopes=("interactions:write",))
        granted = await change_principals(stack.dsn("ingest"), lambda store: create_principal(store, request))
        crowd = Crowd(seed, real_now())
        load = Load(system.urls["ingest"], granted.key.secret, crowd=crowd, truth=truth, rate=rate)
        yield Rig(system, load, crowd, truth, directory)
    finally:
        truth.close()
        await asyncio.to_thread(system.stop)


def names(differences: Sequence[Difference], limit: int = 5) -> list[str]:
    """The first few, for people."""
    return [f"{one.kind} in {one.where}: {one.what}" for one in differences[:limit]]
