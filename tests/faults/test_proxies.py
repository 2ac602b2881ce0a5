"""Each way a line can be bad is what it says, and goes on while the test blocks."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.proxies import (
    BLACK_HOLE,
    PASS,
    REFUSING,
    RESETTING,
    UNANSWERED,
    UNHEARD,
    Condition,
    Proxies,
    Proxy,
)

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00Z\x00\x00\x00\x05I"
SOON = 0.2


class Echo(socketserver.BaseRequestHandler):
    """Answers with what it hears, and keeps it."""

    def handle(self) -> None:
        assert isinstance(self.server, Server)
        self.server.callers += 1
        while data := self._hear():
            self.server.heard += data
            self.request.sendall(data)

    def _hear(self) -> bytes:
        try:
            return bytes(self.request.recv(65_536))
        except ConnectionError:
            return b""


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.heard = b""
        self.callers = 0


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def line(server: Server) -> Iterator[Proxy]:
    with Proxies() as proxies:
        yield proxies.to("127.0.0.1", server.server_address[1])


def call(line: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout=5)


def ask(line: Proxy, text: bytes) -> bytes:
    with call(line) as caller:
        caller.sendall(text)
        return hear(caller)


def hear(caller: socket.socket, seconds: float = 5) -> bytes:
    caller.settimeout(seconds)
    return caller.recv(1_000_000)


def test_what_is_said_arrives_and_is_answered(line: Proxy) -> None:
    with call(line) as caller:
        said = bytes(range(256)) * 10_000
        sender = threading.Thread(target=caller.sendall, args=(said,))
        sender.start()
        heard = b""
        while len(heard) < len(said):
            heard += hear(caller)
        sender.join()
        assert heard == said


def test_an_end_is_passed_on(line: Proxy) -> None:
    with call(line) as caller:
        caller.sendall(b"bye")
        caller.shutdown(socket.SHUT_WR)
        assert hear(caller) == b"bye"
        assert hear(caller) == b""


def test_into_a_black_hole_one_speaks_in_vain_until_it_ends(line: Proxy, server: Server) -> None:
    with call(line) as caller:
        caller.sendall(b"one")
        assert hear(caller) == b"one"
        line.condition = BLACK_HOLE
        caller.sendall(b"two")
        with pytest.raises(TimeoutError):
            hear(caller, SOON)
        assert server.heard == b"one"
        line.condition = PASS
        assert hear(caller) == b"two"


def test_a_new_connection_into_a_black_hole_is_open_and_nobody_hears_of_it(line: Proxy, server: Server) -> None:
    line.condition = BLACK_HOLE
    with call(line) as caller:
        caller.sendall(b"hello")
        with pytest.raises(TimeoutError):
            hear(caller, SOON)
        assert server.callers == 0
        line.condition = PASS
        assert hear(caller) == b"hello"


def test_who_dies_in_a_black_hole_is_not_noticed_before_it_ends(line: Proxy, server: Server) -> None:
    with call(line) as caller:
        caller.sendall(b"one")
        assert hear(caller) == b"one"
        line.condition = BLACK_HOLE
        caller.sendall(b"late")
    assert server.heard == b"one"
    line.condition = PASS
    deadline = time.monotonic() + 5
    while server.heard != b"onelate" and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert server.heard == b"onelate"


@pytest.mark.parametrize(("condition", "heard"), [(UNHEARD, b""), (UNANSWERED, b"one")])
def test_half_open_one_way_goes_on(line: Proxy, server: Server, condition: Condition, heard: bytes) -> None:
    with call(line) as caller:
        caller.sendall(b"zero")
        assert hear(caller) == b"zero"
        line.condition = condition
        caller.sendall(b"one")
        with pytest.raises(TimeoutError):
            hear(caller, SOON)
        assert server.heard == b"zero" + heard


def test_refused_and_let_in_again_at_the_same_port(line: Proxy) -> None:
    with call(line) as caller:
        caller.sendall(b"one")
        assert hear(caller) == b"one"
        line.condition = REFUSING
        with pytest.raises(ConnectionResetError):
            hear(caller)
    with pytest.raises(ConnectionRefusedError):
        call(line)
    line.condition = PASS
    with call(line) as caller:
        caller.sendall(b"two")
        assert hear(caller) == b"two"


def test_a_reset_ends_what_is_open_and_resetting_also_what_comes(line: Proxy) -> None:
    with call(line) as caller:
        caller.sendall(b"one")
        assert hear(caller) == b"one"
        line.reset()
        with pytest.raises(ConnectionResetError):
            hear(caller)
    line.condition = RESETTING
    with pytest.raises(ConnectionResetError):
        ask(line, b"two")


def test_what_is_delayed_comes_in_order_and_later_not_slower(line: Proxy) -> None:
    line.condition = Condition(delay_ms=(50, 200))
    with call(line) as caller:
        began = time.monotonic()
        heard = b""
        for number in range(50):
            caller.sendall(bytes([number]))
            threading.Event().wait(0.001)
        while len(heard) < 50:
            heard += hear(caller)
        took = time.monotonic() - began
    assert heard == bytes(range(50))
    assert took > 0.1
    assert took < 50 * 0.1


def test_the_answer_to_a_commit_is_lost_after_it_was_carried_out(line: Proxy, server: Server) -> None:
    line.condition = Condition(commit_loss=1)
    with call(line) as caller:
        caller.sendall(b"insert")
        assert hear(caller) == b"insert"
        caller.sendall(COMMITTED)
        with pytest.raises(ConnectionResetError):
            hear(caller)
    assert server.heard.endswith(COMMITTED)
    assert line.lost_commits == 1


def test_nobody_to_lead_to_is_a_reset() -> None:
    with socket.socket() as nobody, Proxies() as proxies:
        nobody.bind(("127.0.0.1", 0))
        line = proxies.to("127.0.0.1", nobody.getsockname()[1])
        with pytest.raises(ConnectionResetError):
            ask(line, b"hello")
