"""What ingest is told."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of ingest, on top of those every service has."""

    acknowledge_seconds: float = Field(
        default=2.0, gt=0, le=60, description="How long a request waits for the broker before its events are spooled."
    )
    spool_limit: int = Field(
        default=1_000_000,
        ge=0,
        description="Most events stored while the broker is silent; beyond that requests are answered with 503.",
    )
    events_per_second: float = Field(
        default=0, ge=0, description="Events a second that one principal may send in the long run; 0 sets no limit."
    )
    events_burst: float = Field(
        default=10_000, ge=1, description="Events that one principal may send at once after a quiet time."
    )
    inbound_namespace: str | None = Field(
        default=None,
        pattern="^[a-z][a-z0-9_-]{0,31}$",
        description="Put before subjects on interactions.inbound.v1 that bring no namespace; unset, they are refused.",
    )
    quarantine_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days that a refused record waits in quarantine for somebody; settled ones stay for 30.",
    )
    phone_region: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country whose numbers references give without a country code, such as CN.",
    )
