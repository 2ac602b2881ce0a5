"""Every setting says what it is, and no secret has a default."""

import importlib

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import ServiceSettings
from tests.architecture.sources import SERVICES


def settings_problems(settings: type[BaseSettings]) -> list[str]:
    """What is wrong with the fields of a Settings class."""
    found = [] if settings.model_config.get("frozen") else [f"{settings.__name__} is not frozen"]
    found += [] if settings.__doc__ else [f"{settings.__name__} has no docstring"]
    for name, field in settings.model_fields.items():
        if not field.description or not field.description.endswith("."):
            found.append(f"{name} has no sentence that describes it")
        secret = SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
        if secret and not field.is_required() and field.default is not None:
            found.append(f"{name} is a secret with a default")
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_documented_and_secrets_are_given(service: str) -> None:
    settings = importlib.import_module(f"services.{service}.settings").Settings
    assert issubclass(settings, ServiceSettings)
    assert not settings_problems(settings)


def test_the_check_sees_what_is_not_documented() -> None:
    class Careless(BaseSettings):
        model_config = SettingsConfigDict(frozen=False)

        port: int
        host: str = Field(default="", description="host")
        password: SecretStr = Field(default=SecretStr("changeme"), description="A password.")

    Careless.__doc__ = None
    assert settings_problems(Careless) == [
        "Careless is not frozen",
        "Careless has no docstring",
        "port has no sentence that describes it",
        "host has no sentence that describes it",
        "password is a secret with a default",
    ]
