"""A real SMTP server inside the test, which refuses or breaks off when told to."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from aiosmtpd.smtp import SMTP

# later: 451 at RCPT; never: 550 at RCPT; cut: taken, and the connection cut instead of an answer.
Trick = Literal["later", "never", "cut"]


class Mailbox:
    """What arrived, and what is to go wrong: tricks by recipient, each played once, in order.

    While `gate` is closed nothing that was handed over is answered.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, EmailMessage]] = []
        self.tricks: dict[str, list[Trick]] = {}
        self.asked = 0
        self.port = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def to(self, address: str) -> list[EmailMessage]:
        return [message for recipient, message in self.messages if recipient == address]

    def _next(self, address: str, *tricks: Trick) -> Trick | None:
        waiting = self.tricks.get(address, [])
        return waiting.pop(0) if waiting and waiting[0] in tricks else None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.asked += 1
        trick = self._next(address, "later", "never")
        if trick is not None:
            return "451 4.7.1 come again" if trick == "later" else "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        address = envelope.rcpt_tos[0]
        await self.gate.wait()
        self.messages.append((address, message))
        if self._next(address, "cut"):
            server.transport.abort()
        return "250 OK"


@asynccontextmanager
async def open_mailbox() -> AsyncIterator[Mailbox]:
    """A mailbox that listens on a free port."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, hostname="mail.test"), "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
