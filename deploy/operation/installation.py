"""Where the parts of an installation are: told by the system running in a data directory, or by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deploy.environment import DEFAULT_PORT_BASE, choose_ports, service_url
from deploy.stack.databases import SERVICES
from deploy.stack.external import ExternalStack
from deploy.state import SystemState, read_state
from shared.errors import ConfigurationError
from shared.kafka.connection import KafkaConnection
from shared.kafka.topics import ALERTS, INTERACTIONS, PROFILES, SCORES, TOPICS, Topic
from shared.postgres import Database

KEY_VARIABLE = "EBBTIDE_KEY"

# What each service reads through a pipeline.
READS: Mapping[str, tuple[Topic, ...]] = {
    "ingest": tuple(topic for topic in TOPICS if topic.foreign),
    "profiles": (INTERACTIONS,),
    "scoring": (PROFILES,),
    "alerts": (PROFILES, SCORES),
    "notify": (PROFILES, ALERTS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Addresses of everything. Holds passwords in `dsns`: never printed."""

    urls: Mapping[str, str]
    dsns: Mapping[str, str] = field(repr=False)
    kafka: KafkaConnection = field(repr=False)
    prefix: str = ""
    key: str | None = field(default=None, repr=False)
    state: SystemState | None = field(default=None, repr=False)
    data: Path | None = None

    def database(self, service: str, *, patience_seconds: float = 10) -> Database:
        """A few connections to the database of one service."""
        return Database(
            self.dsns[service], application="ebbtide-operator", connections=2, patience_seconds=patience_seconds
        )

    def topics(self) -> tuple[Topic, ...]:
        """The registry, under the names of this installation."""
        return tuple(topic.prefixed(self.prefix) for topic in TOPICS)

    def topic(self, name: str) -> Topic | None:
        """The topic of that name, or None when the registry knows none."""
        return next((topic for topic in self.topics() if topic.name == name), None)

    def require_key(self) -> str:
        """A key for the HTTP APIs. Raises ConfigurationError when there is none."""
        if not self.key:
            raise ConfigurationError(
                f"A key with the scope admin is needed: make one with `ebbtide keys create` and set {KEY_VARIABLE}."
            )
        return self.key


def find_installation(data: Path, environment: Mapping[str, str] = os.environ) -> Installation:
    """The installation of the system running in `data`, else the one the environment tells of.

    EBBTIDE_<SERVICE>_URL and EBBTIDE_<SERVICE>_POSTGRES_DSN win over both. Nothing is connected to. Raises
    ConfigurationError when neither says where PostgreSQL and Kafka are.
    """
    state = read_state(data)
    if state is not None:
        urls = {name: state.services[name].url for name in SERVICES}
        dsns, bootstrap = dict(state.dsns), state.kafka_bootstrap
    else:
        ports = choose_ports(DEFAULT_PORT_BASE)
        urls = {name: service_url(ports[name]) for name in SERVICES}
        dsns, bootstrap = _dsns(environment), environment.get("KAFKA_BOOTSTRAP", "")
    urls |= _named(environment, "URL")
    dsns |= _named(environment, "POSTGRES_DSN")
    if not bootstrap or len(dsns) < len(SERVICES):
        raise ConfigurationError(
            f"No Ebbtide runs in {data}: start it with `ebbtide up`, name its --data, or set KAFKA_BOOTSTRAP and "
            "POSTGRES_DSN (or EBBTIDE_<SERVICE>_POSTGRES_DSN for each service)."
        )
    return Installation(
        urls={name: url.rstrip("/") for name, url in urls.items()},
        dsns=dsns,
        kafka=_kafka(bootstrap, environment),
        prefix=environment.get("KAFKA_TOPIC_PREFIX", ""),
        key=_key(state, environment),
        state=state,
        data=data.absolute() if state is not None else None,
    )


def _dsns(environment: Mapping[str, str]) -> dict[str, str]:
    if not environment.get("POSTGRES_DSN") or not environment.get("KAFKA_BOOTSTRAP"):
        return {}
    stack = ExternalStack.from_environment(environment)
    return {service: stack.dsn(service) for service in SERVICES}


def _named(environment: Mapping[str, str], what: Literal["URL", "POSTGRES_DSN"]) -> dict[str, str]:
    given = {service: environment.get(f"EBBTIDE_{service.upper()}_{what}") for service in SERVICES}
    return {service: value for service, value in given.items() if value}


def _kafka(bootstrap: str, environment: Mapping[str, str]) -> KafkaConnection:
    authority = environment.get("KAFKA_SSL_CAFILE")
    return KafkaConnection(
        bootstrap=bootstrap,
        client_id="ebbtide-operator",
        security_protocol=environment.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        sasl_username=environment.get("KAFKA_SASL_USERNAME"),
        sasl_password=environment.get("KAFKA_SASL_PASSWORD"),
        ssl_cafile=Path(authority) if authority else None,
    )


def _key(state: SystemState | None, environment: Mapping[str, str]) -> str | None:
    if given := environment.get(KEY_VARIABLE):
        return given
    if state is not None and Path(state.admin_key).is_file():
        return Path(state.admin_key).read_text(encoding="ascii").strip()
    return None
