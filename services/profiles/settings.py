"""What the profiles service is told."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings and the policy by which customers are classified."""

    policy: Path = Field(description="File of the lifecycle policy (YAML).")
