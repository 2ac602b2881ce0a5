"""The lines of the five services: each reaches its database and its broker through a proxy of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from deploy.stack.databases import SERVICES
from deploy.stack.embedded import EmbeddedStack
from deploy.stack.ports import LOOPBACK, free_port
from tests.support.proxies import PASS, Condition, Proxies, Proxy


class Lines:
    """Every service's line to PostgreSQL (`databases`) and to Kafka (`brokers`); make it before the stack starts.

    A broker tells its clients where it is, so it gets a listener for each service, said to be where the proxy is.
    """

    def __init__(self, proxies: Proxies, stack: EmbeddedStack) -> None:
        self._stack = stack
        listeners = {service: free_port() for service in SERVICES}
        self.databases = {service: proxies.to(LOOPBACK, stack.postgres.port) for service in SERVICES}
        self.brokers = {service: proxies.to(LOOPBACK, listeners[service]) for service in SERVICES}
        stack.kafka.settings.update(self._declared(listeners))

    def told(self, service: str) -> Mapping[str, str]:
        """The environment that leads a service over its lines."""
        parts = urlsplit(self._stack.dsn(service))
        login = parts.netloc.rpartition("@")[0]
        there = f"{login}@{LOOPBACK}:{self.databases[service].port}"
        return {
            "EBBTIDE_POSTGRES_DSN": urlunsplit(parts._replace(netloc=there)),
            "KAFKA_BOOTSTRAP": f"{LOOPBACK}:{self.brokers[service].port}",
        }

    def all(self) -> Sequence[Proxy]:
        """Every line there is."""
        return [*self.databases.values(), *self.brokers.values()]

    def _declared(self, listeners: Mapping[str, int]) -> dict[str, str]:
        kafka = self._stack.kafka
        own = {"BROKER": kafka.port, "CONTROLLER": kafka.controller_port}
        bound = own | {service.upper(): port for service, port in listeners.items()}
        said = {"BROKER": kafka.port} | {service.upper(): line.port for service, line in self.brokers.items()}
        return {
            "listeners": _joined(f"{name}://{LOOPBACK}:{port}" for name, port in bound.items()),
            "advertised.listeners": _joined(f"{name}://{LOOPBACK}:{port}" for name, port in said.items()),
            "listener.security.protocol.map": _joined(f"{name}:PLAINTEXT" for name in bound),
        }


@contextmanager
def being(lines: Sequence[Proxy], condition: Condition) -> Iterator[None]:
    """These lines are like that for as long as the block lasts."""
    try:
        for line in lines:
            line.condition = condition
        yield
    finally:
        for line in lines:
            line.condition = PASS


def _joined(parts: Iterator[str]) -> str:
    return ",".join(parts)
