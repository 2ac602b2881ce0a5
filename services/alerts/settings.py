"""What alerts is told."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of alerts, on top of those every service has."""

    rules: Path = Field(description="The rules file (YAML): when to alert.")
