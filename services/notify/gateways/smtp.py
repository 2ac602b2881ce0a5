"""Mail over SMTP, with the one distinction that matters: could the text have arrived, or certainly not."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import structlog
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.notify.domain.attempts import ATTEMPT_SECONDS, Attempt, Outcome
from shared.errors import ConfigurationError

log = structlog.get_logger(__name__)

# As many as attempts are made at once.
MAX_IDLE_CONNECTIONS = 20
GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, for one answer of the server and for a whole attempt."""

    answer: float = 15.0
    total: float = ATTEMPT_SECONDS


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where to hand mail in. With a user, the connection must be encrypted before the password is sent."""

    host: str
    port: int
    implicit_tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp_server_from(url: str) -> SmtpServer:
    """Parse smtp(s)://[user:password@]host[:port]. Raises ConfigurationError, which does not quote the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    half = (parts.username is None) != (parts.password is None)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or half:
        raise ConfigurationError("EBBTIDE_SMTP_URL must look like smtp://host:port, or smtps://user:password@host:port")
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25),
        implicit_tls=parts.scheme == "smtps",
        user=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


class SmtpGateway:
    """Hands messages to one server over connections it keeps open between messages."""

    def __init__(self, server: SmtpServer, *, limits: Limits | None = None) -> None:
        self._server = server
        self._limits = limits or Limits()
        self._idle: list[SMTP] = []

    async def send(self, message: bytes, *, sender: str, to: str) -> Attempt:
        """One attempt, over within ATTEMPT_SECONDS. Never raises for what the server or the network does."""
        handed_over = [False]
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._send(message, sender=sender, to=to, handed_over=handed_over)
        except _NotServedError as error:
            return Attempt(Outcome.REFUSED_FOR_NOW, str(error.code))
        except SMTPResponseException as error:
            return _refusal(error.code)
        except (SMTPException, OSError, TimeoutError, EOFError) as error:
            outcome = Outcome.UNCERTAIN if handed_over[0] else Outcome.UNREACHABLE
            log.warning("smtp_attempt_broke_off", outcome=outcome, error=type(error).__name__)
            return Attempt(outcome)

    async def close(self) -> None:
        """Say goodbye on idle connections; a server that does not answer within GOODBYE_SECONDS is left alone."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(_say_goodbye, idle))

    async def _send(self, message: bytes, *, sender: str, to: str, handed_over: list[bool]) -> Attempt:
        client = await self._connected(sender)
        clean = False
        try:
            await client.rcpt(to)
            handed_over[0] = True
            response = await client.data(message)
            clean = True
            return Attempt(Outcome.DELIVERED, str(response.code))
        except SMTPResponseException:
            clean = await self._reset(client)
            raise
        finally:
            if clean and len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append(client)
            else:
                client.close()

    async def _connected(self, sender: str) -> SMTP:
        """A connection that has accepted MAIL FROM: an idle one that still answers, else a new one."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.mail(sender)
                return client
            except (SMTPException, OSError):
                client.close()
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            timeout=self._limits.answer,
            use_tls=server.implicit_tls,
            start_tls=None if server.user is None or server.implicit_tls else True,
        )
        try:
            await client.connect()
            await client.mail(sender)
        except SMTPResponseException as error:
            client.close()
            raise _NotServedError(error.code) from error
        except BaseException:
            client.close()
            raise
        return client

    async def _reset(self, client: SMTP) -> bool:
        """Whether the connection can be used again after a refusal."""
        try:
            await client.rset()
        except (SMTPException, OSError):
            return False
        return True


async def _say_goodbye(client: SMTP) -> None:
    try:
        await client.quit(timeout=GOODBYE_SECONDS)
    except (SMTPException, OSError):
        client.close()


class _NotServedError(Exception):
    """The server does not serve us, whoever the letter is for: the operator mends that, then it works."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def _refusal(code: int) -> Attempt:
    """5xx is final, but for 5xx that speak of us (authentication, TLS): the operator mends those, then it works."""
    if 500 <= code < 600 and code not in (530, 534, 535, 538):
        return Attempt(Outcome.REFUSED, str(code))
    return Attempt(Outcome.REFUSED_FOR_NOW, str(code))
