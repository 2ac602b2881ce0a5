"""The embedded stack keeps what it was given, whatever happens to it, and leaves nothing behind."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.processes import wait_until
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.jars import Jar, cache_directory, kafka_class_path, locked_jars
from deploy.stack.locks import data_lock
from deploy.stack.ports import is_free
from deploy.stack.postgres import PostgresServer
from shared.errors import ConfigurationError

OWNER = """
import os, sys
from pathlib import Path
from deploy.stack.embedded import EmbeddedStack

stack = EmbeddedStack(Path(sys.argv[1]))
stack.start()
print(stack.kafka.pid, stack.postgres.pid, stack.kafka.port, stack.postgres.port, flush=True)
sys.stdin.read()
"""


async def _send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []
        while len(values) < count:
            for records in (await consumer.getmany(timeout_ms=5000)).values():
                values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


async def test_a_killed_kafka_comes_back_on_its_port_with_what_it_acknowledged(embedded_stack: EmbeddedStack) -> None:
    bootstrap, sent = embedded_stack.kafka_bootstrap, [b"%d" % number for number in range(50)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    await _send(bootstrap, "kept", sent)
    embedded_stack.kafka.kill()
    assert not embedded_stack.kafka.is_running()
    embedded_stack.kafka.start()
    assert embedded_stack.kafka_bootstrap == bootstrap
    assert await _read(bootstrap, "kept", len(sent)) == sent


async def test_postgres_stopped_immediately_or_killed_recovers_every_commit(embedded_stack: EmbeddedStack) -> None:
    dsn = embedded_stack.dsn("profiles")
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (number integer)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    await connection.close()
    for crash in (embedded_stack.postgres.stop_immediate, embedded_stack.postgres.kill):
        crash()
        assert not embedded_stack.postgres.is_running()
        embedded_stack.postgres.start()
        assert embedded_stack.dsn("profiles") == dsn
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM kept") == 1000
        await connection.close()


async def test_a_service_can_enter_its_own_database_only(embedded_stack: EmbeddedStack) -> None:
    foreign = embedded_stack.dsn("ingest").rpartition("/")[0] + "/ebbtide_alerts"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)


async def test_postgres_is_durable_and_asks_for_passwords(embedded_stack: EmbeddedStack) -> None:
    connection = await asyncpg.connect(embedded_stack.admin_dsn)
    settings = {row["name"]: row["setting"] for row in await connection.fetch("SELECT name, setting FROM pg_settings")}
    await connection.close()
    assert (settings["fsync"], settings["synchronous_commit"], settings["jit"]) == ("on", "on", "off")
    assert (settings["listen_addresses"], settings["unix_socket_directories"]) == ("127.0.0.1", "")
    assert settings["log_parameter_max_length_on_error"] == "0"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(embedded_stack.admin_dsn.replace("postgres:", "postgres:not"))


def test_only_the_owner_can_read_the_passwords(embedded_stack: EmbeddedStack) -> None:
    passwords = embedded_stack.data_dir / "postgres" / "passwords.json"
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    assert stat.S_IMODE(embedded_stack.data_dir.stat().st_mode) == 0o700


def test_no_directory_above_the_data_is_opened_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = PostgresServer(closed / "data")
    server.start()
    server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


def test_data_in_use_is_refused_with_a_sentence(embedded_stack: EmbeddedStack) -> None:
    lock = embedded_stack.postgres.data_dir / "in-use"
    with (
        pytest.raises(ConfigurationError, match="Another running Ebbtide uses PostgreSQL's data"),
        data_lock(lock, "PostgreSQL's data", patience=0.1),
    ):
        pytest.fail("two servers would share the data")


def test_a_taken_port_is_named(embedded_stack: EmbeddedStack, tmp_path: Path) -> None:
    stack = EmbeddedStack(tmp_path, postgres_port=embedded_stack.kafka.port)
    with pytest.raises(ConfigurationError, match=f"Port {embedded_stack.kafka.port} for PostgreSQL is taken"):
        stack.start()
    assert stack.kafka.pid is None


def test_servers_end_with_their_owner_even_when_it_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        text=True,
    )
    assert owner.stdout is not None
    kafka, postgres, *ports = (int(word) for word in owner.stdout.readline().split())
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert wait_until(lambda: not psutil.pid_exists(kafka) and not psutil.pid_exists(postgres), timeout=15)
    assert wait_until(lambda: all(is_free(port) for port in ports), timeout=5)


def test_an_archive_that_was_tampered_with_is_not_used(tmp_path: Path) -> None:
    """The fetch that follows is refused too, because what comes back is not what the lock file names."""
    jar = locked_jars()[-1]
    folder = tmp_path / "kafka-4.2.0"
    folder.mkdir()
    for other in locked_jars()[:-1]:
        (folder / other.file_name).symlink_to(cache_directory() / "kafka-4.2.0" / other.file_name)
    (folder / jar.file_name).write_bytes(b"not a jar")
    fetched: list[str] = []

    def download(wanted: Jar, scratch: Path) -> Path:
        fetched.append(wanted.file_name)
        (scratch / "bad.jar").write_bytes(b"not it either")
        return scratch / "bad.jar"

    with pytest.raises(ConfigurationError, match=r"is not the file that kafka-4\.2\.0\.lock names"):
        kafka_class_path(tmp_path, progress=lambda what, done, total: None, download=download)
    assert fetched == [jar.file_name]
