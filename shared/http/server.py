"""One HTTP server inside a service process, started and stopped by the process and not by signals of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from shared.errors import ConfigurationError
from shared.http.protocol import BoundedProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to shared.lifecycle


class HttpServer:
    """Serves `app`; `port` is the bound port, also when 0 was asked for."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        self._host = host
        self.port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=10,
                timeout_keep_alive=30,
                http=BoundedProtocol,
                server_header=False,
            )
        )
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises ConfigurationError when the port is taken."""
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            self._socket = socket.create_server((self._host, self.port), family=family, backlog=1024)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {self._host}:{self.port} ({error.strerror}); free the port or set EBBTIDE_HTTP_PORT"
            ) from None
        self.port = self._socket.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Answer what is being answered, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
