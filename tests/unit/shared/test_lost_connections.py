"""Under the event loop of production, to write to a connection lost a moment ago is a loss, and no crash."""

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

from shared.clock import pause
from shared.kafka.lost_connections import tell_lost_connections


class Request:
    """As much of a request as is needed to send it."""

    def prepare(self, versions: object) -> "Request":
        return self

    def build_request_header(self, **_: object) -> "Request":
        return self

    def encode(self) -> bytes:
        return b"x"


async def write_to_what_was_lost() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection: Any = AIOKafkaConnection("127.0.0.1", port)
    connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
    connection._read_task = asyncio.ensure_future(pause(0))
    connection._writer.transport.abort()
    while not connection._reader.at_eof():  # uvloop has let go of the socket; the library does not know yet
        await pause(0)
    try:
        await connection.send(Request())
    finally:
        server.close()


def test_a_connection_lost_a_moment_ago_is_told_as_lost() -> None:
    tell_lost_connections()
    tell_lost_connections()
    with pytest.raises(KafkaConnectionError, match="lost"):
        uvloop.run(write_to_what_was_lost())
