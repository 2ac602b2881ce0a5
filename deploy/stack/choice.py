"""Which stack to run on."""

from pathlib import Path
from typing import Literal, Protocol

from deploy.stack.embedded import EmbeddedStack
from deploy.stack.external import ExternalStack
from shared.errors import ConfigurationError

StackName = Literal["embedded", "compose", "external"]


class Stack(Protocol):
    """Kafka and PostgreSQL, however they come to run. `dsn` and `admin_dsn` are known after `start()`."""

    name: str

    @property
    def kafka_bootstrap(self) -> str: ...

    @property
    def admin_dsn(self) -> str: ...

    def dsn(self, service: str) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def choose_stack(name: StackName, data_dir: Path, *, kafka_port: int = 0, postgres_port: int = 0) -> Stack:
    """The stack of that name, not started. Raises ConfigurationError when it cannot be had."""
    if name == "embedded":
        return EmbeddedStack(data_dir, kafka_port=kafka_port, postgres_port=postgres_port)
    if name == "external":
        return ExternalStack.from_environment()
    raise ConfigurationError(
        "The compose stack comes in a later version: use --stack embedded (needs nothing), or --stack external with "
        "KAFKA_BOOTSTRAP and POSTGRES_DSN."
    )
