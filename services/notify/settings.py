"""What notify is told by its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from services.notify.domain.destinations import trusted_from
from services.notify.gateways.messages import sender_from
from services.notify.gateways.smtp import smtp_server_from
from shared.errors import ConfigurationError
from shared.settings import ServiceSettings


def _mail_from(setting: str) -> str:
    try:
        sender_from(setting)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return setting


def _smtp_url(setting: SecretStr) -> SecretStr:
    try:
        smtp_server_from(setting.get_secret_value())
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return setting


def _trusted(setting: str) -> str:
    trusted_from(setting)
    return setting


class Settings(ServiceSettings):
    """Settings of notify."""

    public_url: str = Field(
        pattern=r"^https?://[!$-;=@-~]+$", description="Base of unsubscribe links, as customers reach this service."
    )
    staff: Path = Field(description="staff.yaml: who receives mail about customers.")
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] = Field(
        description="Mail server: smtp://host:port, or smtps://user:password@host:port."
    )
    mail_from: Annotated[str, AfterValidator(_mail_from)] = Field(
        description="Sender of all mail: Shop <hello@shop.example>. The name signs mail to customers."
    )
    customer_sends: bool = Field(default=False, description="Whether customers receive mail at all.")
    webhook_trusted: Annotated[str, AfterValidator(_trusted)] = Field(
        default="",
        description="Receivers of webhooks that may be plain HTTP and inside: host:port, comma between. Trust them.",
    )
