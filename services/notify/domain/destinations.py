"""Where webhooks may go: a strict reading of URLs, and which addresses are nobody's inside."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

MAX_URL = 2_000
PORTS = (443, 8443)

Trusted: TypeAlias = frozenset[tuple[str, int]]
"""Hosts and ports that may be plain HTTP and inside."""

_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# How other software reads the last part of a host as a number: then all of it is an IPv4 address in disguise.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_V4_NEVER = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # a cloud's own host, with an address that looks public
            "192.88.99.0/24",  # relays of 6to4
        ),
    )
)
_V6_UNICAST = ip_network("2000::/3")
_V6_NEVER = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which leads to the IPv4 address inside
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


class BadDestination(Exception):
    """The URL is not one that webhooks are sent to; the text says why and never quotes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL in its parts. `host` is lower case, without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str
    trusted: bool

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that the host is, when it is no name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def trusted_from(setting: str) -> Trusted:
    """Parse EBBTIDE_WEBHOOK_TRUSTED: host:port, comma between. Raises ValueError."""
    found = set()
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        host, colon, port = entry.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) <= 65_535:
            raise ValueError(f"{entry!r} is not host:port")
        found.add((host.strip("[]").lower(), int(port)))
    return frozenset(found)


def destination_of(url: str, trusted: Trusted = frozenset()) -> Destination:
    """Read a URL as strictly as anybody might. Raises BadDestination.

    Says nothing about what a name resolves to: check that with `is_public` before each connection.
    """
    if len(url) > MAX_URL:
        raise BadDestination(f"it has more than {MAX_URL} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise BadDestination("it holds characters that must be percent-encoded (host names: punycode)")
    if "#" in url:
        raise BadDestination("it has a fragment")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadDestination("it is not a URL") from None
    if "@" in parts.netloc:
        raise BadDestination("it has a user or password; put what proves who you are into path or query")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadDestination("it must begin with https:// and a host")
    host = _host(parts.hostname, bracketed="[" in parts.netloc)
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    destination = Destination(
        scheme=parts.scheme,
        host=host,
        port=port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        trusted=(host, port) in trusted,
    )
    return destination if destination.trusted else _outside(destination)


def _host(host: str, *, bracketed: bool) -> str:
    """The canonical host. Raises BadDestination for what is neither a name nor an address as everybody writes it."""
    if bracketed:
        try:
            return str(IPv6Address("" if "%" in host else host))
        except ValueError:
            raise BadDestination("the host is not an IPv6 address") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise BadDestination("the host is an IPv4 address in an unusual form") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadDestination("the host is not a name")
    return host


def _outside(destination: Destination) -> Destination:
    if destination.scheme != "https":
        raise BadDestination("it must begin with https://")
    if destination.port not in PORTS:
        raise BadDestination(f"the port must be one of {', '.join(map(str, PORTS))}")
    address = destination.address
    if address is not None and not is_public(address):
        raise BadDestination("the address is not one of the public Internet")
    if address is None and ("." not in destination.host or destination.host.endswith(".localhost")):
        raise BadDestination("the host is not a name of the public Internet")
    return destination


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it belongs to somebody on the public Internet, whatever way there is to write or to reach it."""
    if isinstance(address, IPv4Address):
        usable = address.is_global and not address.is_multicast and not address.is_reserved
        return usable and not any(address in network for network in _V4_NEVER)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _V6_UNICAST and address.is_global and not any(address in network for network in _V6_NEVER)


def all_public(addresses: list[str]) -> bool:
    """Whether each of what a name resolves to is public; what cannot be read is not, and neither is nothing."""
    try:
        return bool(addresses) and all(is_public(ip_address(address)) for address in addresses)
    except ValueError:
        return False
