"""Tells the client library of a connection that was lost a moment ago in words that it expects.

To write to one raises RuntimeError in uvloop, where asyncio lets it pass until the loss is known. The library knows
OSError only: the task that meets another ends, and what it fetched or renewed stands still until a new process starts.
"""

import functools
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


def tell_lost_connections() -> None:
    """From now on every client of this process is told; again, it changes nothing."""
    send = AIOKafkaConnection.send
    if getattr(send, "tells_lost_connections", False):
        return

    @functools.wraps(send)
    def telling(connection: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return send(connection, *arguments, **options)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"the connection to {connection.host} was lost: {error}") from error

    telling.tells_lost_connections = True  # type: ignore[attr-defined]
    AIOKafkaConnection.send = telling
