"""What alerts is told."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings

_URL = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"


class Settings(ServiceSettings):
    """Settings of alerts, on top of those every service has.

    The live page asks the three services named here for what it shows of a customer. One that is left out is not
    asked, and the page says so.
    """

    rules: Path = Field(description="The rules file (YAML): when to alert.")
    profiles_url: str | None = Field(default=None, pattern=_URL, description="Where profiles listens: http(s)://host.")
    scoring_url: str | None = Field(default=None, pattern=_URL, description="Where scoring listens: http(s)://host.")
    notify_url: str | None = Field(default=None, pattern=_URL, description="Where notify listens: http(s)://host.")
