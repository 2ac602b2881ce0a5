"""The embedded stack: a real Kafka and a real PostgreSQL from packages, in one data directory."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from deploy.private_files import make_private_directory
from deploy.stack.jars import Progress
from deploy.stack.kafka import KafkaServer
from deploy.stack.postgres import PostgresServer
from shared.errors import ConfigurationError


class EmbeddedStack:
    """Kafka and PostgreSQL on 127.0.0.1, their data and logs in `data_dir`.

    Synchronous; from a coroutine call it in a thread. Both servers end when this process does, however it ends.
    """

    name = "embedded"

    def __init__(
        self,
        data_dir: Path,
        *,
        kafka_port: int = 0,
        postgres_port: int = 0,
        progress: Progress | None = None,
        kafka_settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Nothing is started yet. Port 0 means a free one, kept over restarts of this object.

        `kafka_settings` are lines of server.properties that win over ours.
        """
        self.data_dir = data_dir.absolute()
        logs = self.data_dir / "logs"
        self.kafka = KafkaServer(
            self.data_dir / "kafka",
            port=kafka_port,
            log=logs / "kafka.log",
            progress=progress,
            settings=kafka_settings,
        )
        self.postgres = PostgresServer(self.data_dir / "postgres", port=postgres_port, log=logs / "postgres.log")

    @property
    def kafka_bootstrap(self) -> str:
        """For KAFKA_BOOTSTRAP."""
        return self.kafka.bootstrap

    @property
    def admin_dsn(self) -> str:
        """PostgreSQL's superuser, known after `start()`."""
        return self.postgres.admin_dsn

    def dsn(self, service: str) -> str:
        """The service's own database under its own role, known after `start()`."""
        return self.postgres.dsn(f"ebbtide_{service}")

    def start(self) -> None:
        """Start both at the same time and block until both are ready; about 4 s once everything is cached.

        Raises ConfigurationError with one sentence, and leaves nothing running then.
        """
        make_private_directory(self.data_dir)
        make_private_directory(self.data_dir / "logs")
        try:
            self.kafka.prepare()  # may take a while the first time; here Ctrl-C reaches it
            with ThreadPoolExecutor(2) as pool:
                starts = [pool.submit(server.start) for server in (self.kafka, self.postgres)]
            for start in starts:
                start.result()
        except PermissionError as error:
            self.stop()
            raise ConfigurationError(
                f"Ebbtide may not write {error.filename}: give another --data directory."
            ) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both cleanly, at the same time. Does nothing when nothing runs."""
        with ThreadPoolExecutor(2) as pool:
            for stop in [pool.submit(server.stop) for server in (self.kafka, self.postgres)]:
                stop.result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
