"""Sends signed events to receivers, and to nobody inside.

A name is resolved once for each attempt; every address it has is checked, and the connection goes to one of those. A
second wall stands where sockets are made: whatever path led there, no connection begins to an address inside.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook as Signer
from yarl import URL

from services.notify.domain.deliveries import ATTEMPT_SECONDS, KEPT_CHARACTERS, Answer, Outcome
from services.notify.domain.destinations import (
    BadDestination,
    Destination,
    Trusted,
    all_public,
    destination_of,
    is_public,
)
from services.notify.domain.webhooks import Target
from shared.clock import real_now

USER_AGENT = "Ebbtide-Webhooks/1"
MAX_ANSWER_BYTES = 64 * 1024
# As many as attempts are made at once, so that slow name servers of one receiver keep no other waiting.
LOOKUPS_AT_ONCE = 64

# The addresses of a host, as texts. Raises OSError when there are none.
Lookup = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds. `body`: the status is what counts, so an answer is read for no longer than that."""

    total: float = ATTEMPT_SECONDS
    connect: float = 5.0
    body: float = 2.0


class NamesOfThisMachine:
    """Looks names up as the operating system does, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))


class WebhookGateway:
    """Makes attempts. Never follows a redirect, asks no proxy, keeps no cookie and no connection."""

    def __init__(self, trusted: Trusted, *, lookup: Lookup | None = None, limits: Limits | None = None) -> None:
        self._trusted = trusted
        self._lookup = lookup or NamesOfThisMachine()
        self._limits = limits or Limits()

    async def check(self, destination: Destination) -> str | None:
        """Why the addresses behind a name are not taken; None when they are, or cannot be found now."""
        try:
            async with asyncio.timeout(self._limits.connect):
                addresses = await self._addresses(destination)
        except (OSError, TimeoutError):
            return None
        return None if _allowed(destination, addresses) else "the name leads to an address that is not public"

    async def send(self, target: Target, event_id: str, body: bytes) -> Answer:
        """One attempt, over within ATTEMPT_SECONDS. Never raises for what the receiver or the network does."""
        started = monotonic()
        try:
            destination = destination_of(target.url, self._trusted)
            async with asyncio.timeout(self._limits.total):
                return await self._send(destination, _headers(target, event_id, body), body, started)
        except BadDestination:
            outcome = Outcome.FORBIDDEN_ADDRESS
        except _Unresolved:
            outcome = Outcome.UNRESOLVED
        except TimeoutError:
            outcome = Outcome.TIMED_OUT
        except (aiohttp.ClientSSLError, ssl.SSLError):
            outcome = Outcome.BAD_CERTIFICATE
        except (aiohttp.ClientError, OSError, ValueError, EOFError):
            outcome = Outcome.UNREACHABLE
        return Answer(outcome=outcome, seconds=monotonic() - started)

    async def _send(self, destination: Destination, headers: Mapping[str, str], body: bytes, started: float) -> Answer:
        try:
            addresses = await self._addresses(destination)
        except OSError as error:
            raise _Unresolved from error
        if not _allowed(destination, addresses):
            raise BadDestination("an address is not public")
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(addresses),
            use_dns_cache=False,
            force_close=True,
            socket_factory=None if destination.trusted else _outside_socket,
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.post(_url(destination), data=body, headers=headers, allow_redirects=False) as response,
        ):
            seconds = monotonic() - started
            return Answer(
                outcome=_outcome(response.status),
                seconds=seconds,
                status=response.status,
                text=await self._text(response),
                retry_after=_retry_after(response.status, response.headers.get("Retry-After")),
            )

    async def _addresses(self, destination: Destination) -> list[str]:
        address = destination.address
        return [str(address)] if address is not None else await self._lookup(destination.host, destination.port)

    async def _text(self, response: aiohttp.ClientResponse) -> str | None:
        """The printable beginning of the answer, of which no more is read than the limits say."""
        read = bytearray()
        try:
            async with asyncio.timeout(self._limits.body):
                while len(read) < MAX_ANSWER_BYTES:
                    piece = await response.content.read(MAX_ANSWER_BYTES - len(read))
                    if not piece:
                        break
                    read += piece
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            pass
        text = bytes(read[: 4 * KEPT_CHARACTERS]).decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:KEPT_CHARACTERS] or None


class _Unresolved(Exception):
    """The name has no addresses now."""


class _Pinned(AbstractResolver):
    """Knows the addresses that were checked, and no others."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _outside_socket(info: Any) -> socket.socket:
    """A socket for a connection to a public address. Raises OSError for any other."""
    family, kind, protocol, _, where = info
    if not is_public(ip_address(where[0])):
        raise OSError("the address is not public")
    return socket.socket(family=family, type=kind, proto=protocol)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _allowed(destination: Destination, addresses: list[str]) -> bool:
    return destination.trusted or all_public(addresses)


def _url(destination: Destination) -> URL:
    path, _, query = destination.target.partition("?")
    return URL.build(
        scheme=destination.scheme,
        host=f"[{destination.host}]" if ":" in destination.host else destination.host,
        port=destination.port,
        path=path,
        query_string=query,
        encoded=True,
    )


def _headers(target: Target, event_id: str, body: bytes) -> dict[str, str]:
    """Standard Webhooks: one signature for each secret in force, of id, time of this attempt and body."""
    now = real_now()
    text = body.decode()
    signatures = [Signer(secret).sign(event_id, now, text) for secret in target.signing(now)]
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if 300 <= status < 400:
        return Outcome.REDIRECTED
    return Outcome.GONE if status == 410 else Outcome.REFUSED


def _retry_after(status: int, value: str | None) -> float | None:
    """Seconds that a busy receiver asks us to wait, given as such or as an instant."""
    if status not in (429, 503) or value is None:
        return None
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        instant: datetime = parsedate_to_datetime(value)
        return max((instant - real_now()).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
