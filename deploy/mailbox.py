"""A mailbox to look into: a real SMTP server that keeps what it is given, and a page that shows it. Loopback only.

Run as `python -m deploy.mailbox --directory D --smtp-port P --http-port P`.
"""

import argparse
import asyncio
import contextlib
import email
import email.policy
import hashlib
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.mailbox_pages import render_list, render_message
from deploy.private_files import make_private_directory
from deploy.stack.ports import LOOPBACK

DELIVERIES = "deliveries.log"
_LARGEST = 10_000_000
_SHOWN = 200
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as the list shows it. `mail_id` names its file."""

    mail_id: str
    sender: str
    recipient: str
    subject: str
    date: str


class Mailbox:
    """Messages in a directory, one .eml file per Message-ID: a repeated delivery is the same mail.

    `deliveries.log` has a line for each time one came, with the name of its file.
    """

    def __init__(self, directory: Path) -> None:
        """Takes in what is there already, in the order it arrived."""
        self.directory = make_private_directory(directory)
        (self.directory / DELIVERIES).touch()
        paths = sorted(directory.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        self._mails = dict.fromkeys(path.stem for path in paths)

    def __len__(self) -> int:
        return len(self._mails)

    def newest(self, limit: int = _SHOWN) -> list[Mail]:
        """The last ones that arrived, newest first."""
        newest = islice(reversed(self._mails), limit)
        return [_summary(mail_id, self._path(mail_id).read_bytes()) for mail_id in newest]

    def read(self, mail_id: str) -> bytes | None:
        """The message as it came in, or None."""
        return self._path(mail_id).read_bytes() if mail_id in self._mails else None

    def store(self, content: bytes) -> None:
        """Keep a message in a file, if its Message-ID is not known, and note the delivery. Parsed when looked at."""
        found = _MESSAGE_ID.search(content.partition(b"\r\n\r\n")[0])
        mail_id = hashlib.sha256(found[1] if found else content).hexdigest()[:32]
        with (self.directory / DELIVERIES).open("a", encoding="ascii") as deliveries:
            deliveries.write(f"{mail_id}\n")
        if mail_id in self._mails:
            return
        draft = self.directory / f".{mail_id}"
        draft.write_bytes(content)
        draft.replace(self._path(mail_id))
        self._mails[mail_id] = None

    def _path(self, mail_id: str) -> Path:
        return self.directory / f"{mail_id}.eml"


class Delivery:
    """What aiosmtpd calls for each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        recipients = ", ".join(envelope.rcpt_tos)
        self._mailbox.store(f"X-Envelope-To: {recipients}\r\n".encode() + content)
        return "250 kept"


def create_pages(mailbox: Mailbox) -> web.Application:
    """`/` newest first, `/messages/ID` one of them, `/messages/ID/raw`, `/messages.json`."""

    async def show_list(request: web.Request) -> web.Response:
        return _page(render_list(mailbox.newest(), total=len(mailbox)))

    async def show_json(request: web.Request) -> web.Response:
        items = [
            {"id": mail.mail_id, "from": mail.sender, "to": mail.recipient, "subject": mail.subject, "date": mail.date}
            for mail in mailbox.newest()
        ]
        return web.json_response({"total": len(mailbox), "items": items})

    async def show_message(request: web.Request) -> web.Response:
        content = _found(mailbox, request)
        mail_id = request.match_info["mail_id"]
        return _page(render_message(_summary(mail_id, content), _text(_parsed(content))))

    async def show_raw(request: web.Request) -> web.Response:
        return web.Response(body=_found(mailbox, request), content_type="text/plain", charset="utf-8")

    app = web.Application(middlewares=[_only_local])
    app.router.add_get("/", show_list)
    app.router.add_get("/messages.json", show_json)
    app.router.add_get("/messages/{mail_id}", show_message)
    app.router.add_get("/messages/{mail_id}/raw", show_raw)
    return app


@web.middleware
async def _only_local(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A page of another site may not read the mail under a name of its own that points here."""
    if request.url.host not in (LOOPBACK, "localhost"):
        raise web.HTTPForbidden(text="The mailbox answers on 127.0.0.1 and localhost only.")
    response = await handler(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _page(html: str) -> web.Response:
    return web.Response(text=html, content_type="text/html")


def _found(mailbox: Mailbox, request: web.Request) -> bytes:
    content = mailbox.read(request.match_info["mail_id"])
    if content is None:
        raise web.HTTPNotFound(text="No such message.")
    return content


def _parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _summary(mail_id: str, content: bytes) -> Mail:
    message = _parsed(content)
    return Mail(
        mail_id,
        sender=str(message.get("From", "")),
        recipient=str(message.get("To", "") or message.get("X-Envelope-To", "")),
        subject=str(message.get("Subject", "")) or "(no subject)",
        date=str(message.get("Date", "")),
    )


def _text(message: EmailMessage) -> str:
    """The readable part: plain text if there is one, else the source of the HTML."""
    part = message.get_body(("plain", "html"))
    if part is None:
        return "(no text)"
    payload = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    try:
        return bytes(payload).decode(charset, "replace") if isinstance(payload, bytes) else str(payload)
    except LookupError:
        return bytes(payload).decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)


async def serve(directory: Path, *, smtp_port: int, http_port: int) -> None:
    """Run until SIGTERM or SIGINT."""
    mailbox = Mailbox(directory)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def connection() -> SMTP:
        return SMTP(Delivery(mailbox), data_size_limit=_LARGEST, enable_SMTPUTF8=True, hostname="mailbox.localhost")

    smtp = await loop.create_server(connection, LOOPBACK, smtp_port)
    runner = web.AppRunner(create_pages(mailbox), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, http_port, shutdown_timeout=1).start()
    print(f"mailbox: {len(mailbox)} messages in {directory}, smtp on {smtp_port}, page on {http_port}", flush=True)
    try:
        await stop.wait()
    finally:
        smtp.close()
        await runner.cleanup()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="A mailbox to look into, on this machine only.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.directory, smtp_port=arguments.smtp_port, http_port=arguments.http_port))


if __name__ == "__main__":
    main()
