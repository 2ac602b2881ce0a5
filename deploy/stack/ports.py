"""TCP ports on the loopback address."""

import random
import socket

from shared.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

# Below the range the kernel takes for outgoing connections: while a server is down for a restart, a client that
# keeps trying to reach it could otherwise be given the very port it calls, connect to itself and hold the port.
_FREE_RANGE = range(20_000, 32_000)


def free_port() -> int:
    """A port nobody listens on now. Nothing reserves it until it is bound."""
    candidates = random.SystemRandom().sample(_FREE_RANGE, 200)
    for port in candidates:
        if is_free(port):
            return port
    raise ConfigurationError("No free TCP port was found between 20000 and 32000 on 127.0.0.1.")


def is_free(port: int) -> bool:
    """Whether a server could listen there; connections of a server that just died do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int, what: str) -> None:
    """Raise ConfigurationError when something else listens on the port that `what` needs."""
    if not is_free(port):
        raise ConfigurationError(
            f"Port {port} for {what} is taken by another program; stop that program or choose other ports."
        )


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
