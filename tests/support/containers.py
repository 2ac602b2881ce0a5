"""Kafka and PostgreSQL in containers, for EBBTIDE_TEST_STACK=testcontainers; images as in the compose file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import yaml
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.environment import PROJECT
from deploy.stack.external import ExternalStack
from deploy.stack.ports import LOOPBACK, free_port

_PASSWORD = "only-for-tests"  # of a server that lives as long as the tests
_SETTINGS = "fsync=on max_connections=300"


@contextmanager
def container_stack() -> Iterator[ExternalStack]:
    """Both, running, and gone afterwards. Raises what the engine raises when there is none or an image is missing."""
    images = {name: one["image"] for name, one in _composed().items() if "image" in one}
    with ExitStack() as running:
        postgres = PostgresContainer(images["postgres"], username="postgres", password=_PASSWORD, driver=None)
        postgres.with_command(" ".join(f"-c {setting}" for setting in _SETTINGS.split()))
        running.enter_context(postgres)
        port = free_port()
        kafka = DockerContainer(images["kafka"]).with_bind_ports(port, port)
        for name, value in _kafka_environment(port).items():
            kafka.with_env(name, value)
        running.enter_context(kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started")))
        admin_dsn = f"postgresql://postgres:{_PASSWORD}@{LOOPBACK}:{postgres.get_exposed_port(5432)}/postgres"
        stack = ExternalStack(kafka_bootstrap=f"{LOOPBACK}:{port}", admin_dsn=admin_dsn)
        stack.start()
        yield stack


def _kafka_environment(port: int) -> dict[str, str]:
    """That of the compose file, with the one listener where this machine reaches it."""
    environment = {name: str(value) for name, value in _composed()["kafka"]["environment"].items()}
    return environment | {
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    }


def _composed() -> dict[str, dict[str, Any]]:
    composed = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
    services: dict[str, dict[str, Any]] = composed["services"]
    return services
