"""Settings: read from the environment, validated at once, before anything connects."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import clock_from
from shared.errors import ConfigurationError
from shared.kafka.connection import KafkaConnection

T = TypeVar("T")


def _checked_clock(setting: str | None) -> str | None:
    try:
        clock_from(setting)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return setting


def _fits_sasl(setting: T, told: ValidationInfo) -> T:
    """A password that is not asked for would mean that the operator expects more than there is."""
    protocol = told.data.get("kafka_security_protocol", "")
    if protocol.startswith("SASL") and setting is None:
        raise ValueError(f"is needed for KAFKA_SECURITY_PROTOCOL={protocol}")
    if setting is not None and protocol and not protocol.startswith("SASL"):
        raise ValueError(f"is not used with KAFKA_SECURITY_PROTOCOL={protocol}; SASL_SSL would")
    return setting


def _fits_tls(setting: Path | None, told: ValidationInfo) -> Path | None:
    protocol = told.data.get("kafka_security_protocol", "")
    if setting is not None and protocol and not protocol.endswith("SSL"):
        raise ValueError(f"is not used with KAFKA_SECURITY_PROTOCOL={protocol}; SSL or SASL_SSL would")
    if setting is not None and not setting.is_file():
        raise ValueError("names a file that cannot be read")
    return setting


class ServiceSettings(BaseSettings):
    """What every service is told. Each field is read from EBBTIDE_<NAME>, those of Kafka from KAFKA_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="EBBTIDE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    http_host: str = Field(default="127.0.0.1", description="Address the HTTP API listens on.")
    http_port: int = Field(ge=0, le=65535, description="Port the HTTP API listens on.")
    postgres_dsn: SecretStr = Field(description="Data source name of this service's own database.")
    postgres_connections: int = Field(default=10, ge=4, description="Most connections held to the database.")
    secret: SecretStr = Field(min_length=32, description="Key of hashes and tokens; the same in all services.")
    clock: Annotated[str | None, AfterValidator(_checked_clock)] = Field(
        default=None, description="Simulated business time as JSON: anchor, start, speed, until. Unset: real time."
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severity logged.")
    max_batch_records: int = Field(default=10_000, ge=1, le=50_000, description="Most records handled in one batch.")
    watchdog_seconds: float = Field(
        default=120.0, gt=0, description="For how long work may not get on before the process ends to begin anew."
    )
    breaker: bool = Field(
        default=True, description="Stop reading a topic when most of its records would have to be set aside."
    )
    kafka_bootstrap: str = Field(
        validation_alias="KAFKA_BOOTSTRAP", description="Brokers to ask first, host:port, comma between."
    )
    kafka_topic_prefix: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9._-]*\.)?$",
        validation_alias="KAFKA_TOPIC_PREFIX",
        description="Put before every topic and group, for several installations on one cluster; ends with a dot.",
    )
    kafka_replication_factor: int = Field(
        default=1, ge=1, validation_alias="KAFKA_REPLICATION_FACTOR", description="Copies of each topic we create."
    )
    kafka_security_protocol: str = Field(
        default="PLAINTEXT",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="How to talk to the brokers.",
    )
    kafka_sasl_username: Annotated[str | None, AfterValidator(_fits_sasl)] = Field(
        default=None,
        validate_default=True,
        validation_alias="KAFKA_SASL_USERNAME",
        description="User for SASL (SCRAM-SHA-512).",
    )
    kafka_sasl_password: Annotated[SecretStr | None, AfterValidator(_fits_sasl)] = Field(
        default=None,
        validate_default=True,
        validation_alias="KAFKA_SASL_PASSWORD",
        description="Password for SASL (SCRAM-SHA-512).",
    )
    kafka_ssl_cafile: Annotated[Path | None, AfterValidator(_fits_tls)] = Field(
        default=None, validation_alias="KAFKA_SSL_CAFILE", description="Certificate authority of the brokers."
    )

    def kafka_connection(self, client_id: str) -> KafkaConnection:
        """How a client of this name connects."""
        password = self.kafka_sasl_password
        return KafkaConnection(
            bootstrap=self.kafka_bootstrap,
            client_id=client_id,
            security_protocol=self.kafka_security_protocol,
            sasl_username=self.kafka_sasl_username,
            sasl_password=password.get_secret_value() if password else None,
            ssl_cafile=self.kafka_ssl_cafile,
        )


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S]) -> S:
    """Settings from the environment. Raises ConfigurationError that lists every bad variable at once."""
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"  {_variable(kind, problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise ConfigurationError("these environment variables need attention:\n" + "\n".join(lines)) from None


def _variable(kind: type[BaseSettings], location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "?"
    field = kind.model_fields.get(name)
    if field is None:
        return name
    return str(field.validation_alias or f"{kind.model_config.get('env_prefix', '')}{name}".upper())
