"""Attempts at real sockets: none inside, whatever the URL, the name servers or the receiver say."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

import pytest
from aiohttp import web

from services.notify.domain.deliveries import Answer, Outcome
from services.notify.domain.destinations import destination_of, trusted_from
from services.notify.domain.webhooks import Secret, Target
from services.notify.gateways.webhooks import Limits, WebhookGateway, _outside_socket
from tests.integration.notify.receiver import Receiver
from tests.unit.notify.test_destinations import REFUSED

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
QUICK = Limits(total=2.0, connect=0.2, body=0.3)
# An address that swallows what is sent to it by mistake (AS112).
NOWHERE = "192.31.196.1"


@dataclass
class Names:
    """Name servers that answer differently each time they are asked; the last answer stays."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Trap:
    """Listens on loopback, IPv4 and IPv6, on the ports of URLs where it may, and counts who connects."""

    def __init__(self) -> None:
        self.connections = 0
        self.servers: list[asyncio.Server] = []

    async def open(self, ports: Sequence[int]) -> None:
        for host in ("127.0.0.1", "::1"):
            for port in ports:
                try:
                    self.servers.append(await asyncio.start_server(self._caught, host, port))
                except OSError:
                    continue  # no IPv6 here, or the port is taken or not ours to take

    @property
    def port(self) -> int:
        """One that it listens on."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def _caught(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    made = Trap()
    await made.open([0, 443, 8443, 80])
    yield made
    for server in made.servers:
        server.close()


async def attempt(gateway: WebhookGateway, url: str) -> Answer:
    return await gateway.send(Target(url, (SECRET,)), "event", b"{}")


async def test_no_url_reaches_loopback(trap: Trap) -> None:
    """Also where names are asked for, every name leads there; the ports are those that receivers may have."""
    inside = Names([["127.0.0.1", "::1"]])
    gateway = WebhookGateway(frozenset(), lookup=inside, limits=QUICK)
    urls = [*REFUSED, "https://hooks.example.com/", "https://hooks.example.com:8443/", "https://localtest.example/"]
    assert len(urls) > 80
    answers = await asyncio.gather(*(attempt(gateway, url) for url in urls))
    assert {answer.outcome for answer in answers} == {Outcome.FORBIDDEN_ADDRESS}
    assert set(inside.asked) == {"hooks.example.com", "localtest.example"}
    assert trap.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [[NOWHERE, "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["fe80::1%lo"], []],
)
async def test_a_name_with_one_address_inside_is_not_visited(trap: Trap, addresses: list[str]) -> None:
    gateway = WebhookGateway(frozenset(), lookup=Names([addresses]), limits=QUICK)
    assert (await attempt(gateway, "https://hooks.example.com/")).outcome is Outcome.FORBIDDEN_ADDRESS
    assert await gateway.check(destination_of("https://hooks.example.com/")) is not None
    assert trap.connections == 0


async def test_a_name_that_flips_between_check_and_connection_is_asked_once(trap: Trap) -> None:
    """The connection goes to what was checked; at the next attempt it is checked again."""
    flipping = Names([[NOWHERE], ["127.0.0.1"]])
    gateway = WebhookGateway(frozenset(), lookup=flipping, limits=QUICK)
    first = await attempt(gateway, "https://rebind.example.com/")
    assert first.outcome not in (Outcome.DELIVERED, Outcome.FORBIDDEN_ADDRESS), "it went out, and nobody is there"
    assert len(flipping.asked) == 1
    assert (await attempt(gateway, "https://rebind.example.com/")).outcome is Outcome.FORBIDDEN_ADDRESS
    assert trap.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_where_sockets_are_made_stands_a_second_wall(address: str) -> None:
    with pytest.raises(OSError, match="not public"):
        _outside_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 443)))
    _outside_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 443))).close()


async def test_a_redirect_inside_is_not_followed(trap: Trap, receiver: Receiver) -> None:
    gateway = WebhookGateway(trusted_from(receiver.place), limits=QUICK)
    for status in (301, 302, 303, 307, 308):
        where = f"http://127.0.0.1:{trap.port}/"
        receiver.answers["/in"] = web.Response(status=status, headers={"Location": where})
        assert (await attempt(gateway, receiver.url())).outcome is Outcome.REDIRECTED
    assert trap.connections == 0


async def test_a_trusted_name_is_visited_where_the_lookup_says(receiver: Receiver) -> None:
    """Under its own name, without a proxy, whatever the environment says."""
    names = Names([["127.0.0.1"]])
    gateway = WebhookGateway(trusted_from(f"receiver.internal:{receiver.port}"), lookup=names, limits=QUICK)
    answer = await attempt(gateway, f"http://receiver.internal:{receiver.port}/in?a=%20b")
    assert answer.outcome is Outcome.DELIVERED
    assert receiver.came[0].headers["host"] == f"receiver.internal:{receiver.port}"
    assert receiver.came[0].path == "/in?a=%20b"
    assert names.asked == ["receiver.internal"]


async def test_a_proxy_of_the_environment_is_not_asked(
    receiver: Receiver, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    gateway = WebhookGateway(trusted_from(receiver.place), limits=QUICK)
    assert (await attempt(gateway, receiver.url())).outcome is Outcome.DELIVERED
    assert trap.connections == 0


async def test_an_ipv6_address_is_visited_as_it_stands() -> None:
    try:
        server = await raw_receiver(b"HTTP/1.1 204 No Content\r\n\r\n", host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    place = f"[::1]:{server.sockets[0].getsockname()[1]}"
    answer = await attempt(WebhookGateway(trusted_from(place), limits=QUICK), f"http://{place}/in?a")
    assert answer.outcome is Outcome.DELIVERED
    server.close()


async def raw_receiver(answer: bytes, *, forever: bool = False, host: str = "127.0.0.1") -> asyncio.Server:
    """Answers every connection with these bytes, and goes on with the last of them for ever if told to."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            while forever:
                writer.write(b"x" * 65_536)
                await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(handle, host, 0)


@pytest.mark.parametrize(
    ("said", "outcome", "text"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Outcome.DELIVERED, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", Outcome.DELIVERED, "hal"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\x00\x1bA", Outcome.DELIVERED, "\ufffd A"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", Outcome.REFUSED, "no"),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", Outcome.GONE, None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", Outcome.UNREACHABLE, None),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Outcome.UNREACHABLE, None),
        (b"", Outcome.TIMED_OUT, None),
    ],
)
async def test_whatever_a_receiver_says_is_an_outcome(said: bytes, outcome: Outcome, text: str | None) -> None:
    """Broken, binary, oversized or nothing at all; within the time there is."""
    server = await raw_receiver(said)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gateway = WebhookGateway(trusted_from(place), limits=QUICK)
    started = monotonic()
    answer = await attempt(gateway, f"http://{place}/")
    assert (answer.outcome, answer.text) == (outcome, text)
    assert monotonic() - started < 5
    server.close()


async def test_of_an_endless_answer_little_is_read_and_its_status_counts() -> None:
    server = await raw_receiver(b"HTTP/1.1 200 OK\r\n\r\n", forever=True)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    answer = await attempt(WebhookGateway(trusted_from(place), limits=QUICK), f"http://{place}/")
    assert (answer.outcome, answer.text) == (Outcome.DELIVERED, "x" * 200)
    server.close()


@pytest.mark.parametrize(
    ("status", "value", "least", "most"),
    [(429, "120", 120, 120), (503, "Fri, 31 Dec 2100 23:59:59 GMT", 1e9, 1e10), (429, "soon", None, None)],
)
async def test_when_to_come_again_is_read_in_both_forms(
    receiver: Receiver, status: int, value: str, least: float | None, most: float | None
) -> None:
    receiver.answers["/in"] = web.Response(status=status, headers={"Retry-After": value})
    answer = await attempt(WebhookGateway(trusted_from(receiver.place), limits=QUICK), receiver.url())
    if least is None or most is None:
        assert answer.retry_after is None
    else:
        assert answer.retry_after is not None
        assert least <= answer.retry_after <= most


async def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    async def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    gateway = WebhookGateway(trusted_from("127.0.0.1:1"), lookup=nothing, limits=QUICK)
    assert (await attempt(gateway, "http://127.0.0.1:1/")).outcome is Outcome.UNREACHABLE
    assert (await attempt(gateway, "https://hooks.example.com/")).outcome is Outcome.UNRESOLVED
    assert await gateway.check(destination_of("https://hooks.example.com/")) is None
