"""Three Kafka brokers, as production has them, and one PostgreSQL: a stack to run the system on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.private_files import make_private_directory
from deploy.stack.kafka import KafkaServer, new_cluster_id
from deploy.stack.ports import LOOPBACK
from deploy.stack.postgres import PostgresServer
from shared.clock import pause
from shared.kafka.topics import TOPICS

BROKERS = (1, 2, 3)
_CONTROLLER_ALONE = 4
_STOP_SECONDS = 5.0
_PACE_SECONDS = 0.25
_PATIENCE_SECONDS = 90.0

# The layout that docs/operations.md asks for.
_PRODUCTION: Mapping[str, str] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}


class Cluster:
    """The interface of the embedded stack. Brokers are numbered 1 to 3; nobody but the fault starts them again.

    `apart`: the controller is a fourth process, so that two brokers can be frozen and it goes on.
    """

    name = "cluster"

    def __init__(
        self, data_dir: Path, *, apart: bool = False, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Nothing is started yet. `settings` are lines of server.properties that win over production's."""
        self.data_dir = data_dir.absolute()
        logs = self.data_dir / "logs"
        numbers = (*BROKERS, _CONTROLLER_ALONE) if apart else BROKERS
        self.nodes = {
            number: KafkaServer(self.data_dir / f"kafka-{number}", log=logs / f"kafka-{number}.log")
            for number in numbers
        }
        self.postgres = PostgresServer(self.data_dir / "postgres", log=logs / "postgres.log")
        voters = [_CONTROLLER_ALONE] if apart else BROKERS
        quorum = ",".join(f"{number}@{LOOPBACK}:{self.nodes[number].controller_port}" for number in voters)
        common = {**_PRODUCTION, "cluster.id": new_cluster_id(), "controller.quorum.voters": quorum, **settings}
        for number, node in self.nodes.items():
            node.settings = {**common, "node.id": str(number), **(_role(number, node) if apart else {})}
        self._returning: set[asyncio.Task[None]] = set()

    @property
    def kafka_bootstrap(self) -> str:
        """All three, as an operator lists them."""
        return ",".join(self.nodes[number].bootstrap for number in BROKERS)

    @property
    def admin_dsn(self) -> str:
        return self.postgres.admin_dsn

    def dsn(self, service: str) -> str:
        return self.postgres.dsn(f"ebbtide_{service}")

    def start(self) -> None:
        """Start all of them at the same time: a node is ready when the others have elected."""
        make_private_directory(self.data_dir)
        make_private_directory(self.data_dir / "logs")
        for node in self.nodes.values():
            node.prepare()
        servers: list[KafkaServer | PostgresServer] = [*self.nodes.values(), self.postgres]
        try:
            with ThreadPoolExecutor(len(servers)) as pool:
                starts = [pool.submit(server.start) for server in servers]
            for start in starts:
                start.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing of it is kept: whoever does not end at once is killed."""
        servers: list[KafkaServer | PostgresServer] = [*self.nodes.values(), self.postgres]
        with ThreadPoolExecutor(len(servers)) as pool:
            for stop in [pool.submit(server.stop, _STOP_SECONDS) for server in servers]:
                stop.result()

    def signal(self, number: int, what: int) -> None:
        """To the broker of that number."""
        pid = self.nodes[number].pid
        assert pid, f"broker {number} does not run"
        os.kill(pid, what)

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self.signal(number, signal.SIGKILL)

    def return_later(self, number: int, *, seconds: float) -> None:
        """Start the broker again after a while; `whole` waits for it."""

        async def bring_back() -> None:
            await pause(seconds)
            await asyncio.to_thread(self.nodes[number].wait)  # a killed one may still be ending
            await asyncio.to_thread(self.nodes[number].start)

        self._returning.add(asyncio.create_task(bring_back()))

    async def whole(self) -> None:
        """Returns when all brokers are there and every partition of ours has its three copies in step."""
        returning, self._returning = self._returning, set()
        for task in returning:
            await task
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not all(copies == set(BROKERS) for copies in (await self.in_step()).values()):
                await pause(_PACE_SECONDS)

    async def leaders(self, topic: str) -> dict[int, int]:
        """Partition to broker; -1 where there is none."""
        return {one["partition"]: one["leader"] for one in (await self._describe([topic]))[topic]}

    async def busiest_leader(self) -> int:
        """Who leads most partitions of our topics."""
        described = await self._describe([topic.name for topic in TOPICS])
        found = Counter(one["leader"] for partitions in described.values() for one in partitions)
        return int(found.most_common(1)[0][0])

    async def in_step(self, *topics: str) -> dict[tuple[str, int], set[int]]:
        """Topic and partition to the brokers whose copies are complete; nothing while nobody answers."""
        described = await self._describe(list(topics) or [topic.name for topic in TOPICS])
        return {
            (name, one["partition"]): set(one["isr"]) for name, partitions in described.items() for one in partitions
        }

    async def _describe(self, names: list[str]) -> dict[str, list[dict[str, Any]]]:
        while True:
            with suppress(KafkaError, OSError, TimeoutError):
                return await self._ask(names)
            await pause(_PACE_SECONDS)

    async def _ask(self, names: list[str]) -> dict[str, list[dict[str, Any]]]:
        # A frozen broker takes connections and says nothing; the next attempt may meet another.
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka_bootstrap.split(","), request_timeout_ms=2_000)
        try:
            async with asyncio.timeout(6):
                await admin.start()
                return {found["topic"]: found["partitions"] for found in await admin.describe_topics(names)}
        finally:
            await admin.close()


def _role(number: int, node: KafkaServer) -> dict[str, str]:
    """What a process is when controller and brokers are apart."""
    if number == _CONTROLLER_ALONE:
        listener = f"CONTROLLER://{LOOPBACK}:{node.controller_port}"
        return {"process.roles": "controller", "listeners": listener, "advertised.listeners": listener}
    return {"process.roles": "broker", "listeners": f"BROKER://{node.bootstrap}"}
