"""E-mail messages: headers that identify, that stop auto-replies, and that let customers leave."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from services.notify.domain.addresses import is_deliverable
from services.notify.gateways.rendering import Letter
from shared.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mail is from: `Name <address>` split into its parts. `company` is the name, or the domain."""

    name: str
    address: str

    @property
    def company(self) -> str:
        return self.name or self.domain

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def sender_from(setting: str) -> Sender:
    """Parse EBBTIDE_MAIL_FROM. Raises ConfigurationError."""
    name, address = parseaddr(setting)
    if not is_deliverable(address) or any(character in setting for character in "\r\n\0"):
        raise ConfigurationError(
            "EBBTIDE_MAIL_FROM must be an address, with or without a name: Shop <hello@shop.example>"
        )
    return Sender(name, address)


def compose(
    letter: Letter,
    *,
    sender: Sender,
    to: str,
    notification_id: str,
    now: datetime,
    unsubscribe_url: str | None = None,
) -> bytes:
    """The message as it goes over the wire. Repeated, it has the same Message-ID.

    Raises ValueError for a header value with a line break. With `unsubscribe_url` it carries RFC 8058's headers.
    """
    # Written as they are: folding would break long URLs and ids into pieces that mail programs do not put together.
    verbatim = {"Message-ID": f"<{notification_id}@{sender.domain}>"}
    if unsubscribe_url is not None:
        verbatim["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        verbatim["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    headers = {
        "From": str(Address(sender.name, addr_spec=sender.address)),
        "To": to,
        "Subject": letter.subject,
        "Date": format_datetime(now),
        "Auto-Submitted": "auto-generated",
    }
    message = EmailMessage(policy=SMTP)
    for name, value in [*headers.items(), *verbatim.items()]:
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"header {name} has a line break")
    for name, value in headers.items():
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    lines = "".join(f"{name}: {value}\r\n" for name, value in verbatim.items())
    return lines.encode("ascii") + message.as_bytes()
