"""How every Kafka client of ours connects."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.helpers import create_ssl_context


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Where the brokers are and how to talk to them."""

    bootstrap: str
    client_id: str
    security_protocol: str = "PLAINTEXT"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: Path | None = None

    @property
    def brokers(self) -> list[str]:
        """Those to ask first, each as host:port. The client library takes a text for one broker, commas and all."""
        return [one.strip() for one in self.bootstrap.split(",") if one.strip()]

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that aiokafka's producer, consumer and admin client share."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.brokers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = create_ssl_context(cafile=str(self.ssl_cafile) if self.ssl_cafile else None)
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return options
