"""A Kafka and a PostgreSQL that somebody else runs, given by KAFKA_BOOTSTRAP and POSTGRES_DSN."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from deploy.stack.databases import ROLES, create_databases
from deploy.stack.ports import answers
from shared.errors import ConfigurationError


class ExternalStack:
    """The same interface as the embedded stack; `start()` makes the databases and roles, `stop()` leaves all alone."""

    name = "external"

    def __init__(self, *, kafka_bootstrap: str, admin_dsn: str) -> None:
        """`admin_dsn` is of a role that may create roles and databases."""
        self.kafka_bootstrap = kafka_bootstrap
        self.admin_dsn = admin_dsn

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From KAFKA_BOOTSTRAP and POSTGRES_DSN. Raises ConfigurationError naming all that are missing."""
        missing = [name for name in ("KAFKA_BOOTSTRAP", "POSTGRES_DSN") if not environment.get(name)]
        if missing:
            raise ConfigurationError(
                f"The external stack needs {' and '.join(missing)} in the environment (POSTGRES_DSN of an "
                "administrator: postgresql://user:password@host:port/database)."
            )
        return cls(kafka_bootstrap=environment["KAFKA_BOOTSTRAP"], admin_dsn=environment["POSTGRES_DSN"])

    def dsn(self, service: str) -> str:
        """The service's own database under its own role."""
        role = f"ebbtide_{service}"
        parts = urlsplit(self.admin_dsn)
        address = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{quote(role)}:{self._password(role)}@{address}", path=f"/{role}"))

    def start(self) -> None:
        """Check that both are there; make what is missing of databases and roles. Raises ConfigurationError."""
        first = self.kafka_bootstrap.split(",")[0]
        host, _, port = first.rpartition(":")
        if not port.isdecimal() or not answers(int(port), host.strip("[]")):
            raise ConfigurationError(f"Nothing answers at KAFKA_BOOTSTRAP {first}: start Kafka or correct the address.")
        create_databases(self.admin_dsn, {role: self._password(role) for role in ROLES})

    def stop(self) -> None:
        """Nothing to stop: it is not ours."""

    def _password(self, role: str) -> str:
        """Derived from the administrator's, so that everyone who holds that one agrees and nothing is stored."""
        secret = unquote(urlsplit(self.admin_dsn).password or "")
        return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
