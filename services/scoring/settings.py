"""What scoring is told."""

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of scoring: those every service has."""
