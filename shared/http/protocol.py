"""HTTP/1.1 on one connection, with a bound on what a peer may send, and how slowly, before the application sees it."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 16 * 1024
HEAD_SECONDS = 15.0
# For how long the rest of a request that was answered early is read and thrown away.
LINGER_SECONDS = 15.0


class _HeadTooLarge(Exception):
    """Address and headers are more than we want to know."""


class BoundedProtocol(HttpToolsProtocol):
    """Address and headers of a request are 16 KiB at most and arrive within 15 seconds, or the connection ends.

    The library bounds neither: one peer could fill the memory with a header that never ends, and many could hold
    connections for ever. Bodies are the application's (`shared.http.limits`).
    """

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing() or not self._in_head:
            return
        # Where in a piece a request began is not known; one that begins it is counted from the next piece on.
        self._head_bytes += len(data) if was_in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._too_large = True
            self.send_400_response("")
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._too_large = True
            raise _HeadTooLarge  # the library makes it the answer below
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body and self.cycle.response_complete:
            self._timer = self._timer or self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read is answered with a problem, like everything else."""
        if self._too_large:
            most = f"Send at most {MAX_HEAD_BYTES} bytes of address and headers."
            self._refuse(431, "Request header fields too large", "headers_too_large", most)
        else:
            self._refuse(400, "Bad request", "not_http", "This is not HTTP/1.1.")

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self._head_bytes == 0:
            self.transport.close()  # it never asked for anything
        else:
            self._refuse(408, "Request timed out", "headers_timeout", f"Headers take {HEAD_SECONDS:g} seconds at most.")

    def _refuse(self, status: int, title: str, code: str, detail: str) -> None:
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code})
        head = f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}"
        self.transport.write(f"{head}\r\nConnection: close\r\n\r\n{body}".encode("ascii"))
        self.transport.close()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
