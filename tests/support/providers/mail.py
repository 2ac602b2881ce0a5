"""A mail server on real sockets that greets, refuses, dawdles and breaks off as it is told, and remembers what came."""

import asyncio
import contextlib
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from shared.clock import pause

# How every connection begins. silent: not at all. drip: a byte now and then. closed: 421. disabled: 554.
Greeting = Literal["open", "silent", "drip", "closed", "disabled"]
# What becomes of one message. later: 451 at RCPT. never: 550 at RCPT. Of those that were taken: cut, reset instead of
# an answer; mute, never an answer; dripped, an answer that does not end; held, answered when the gate opens.
Trick = Literal["later", "never", "cut", "mute", "dripped", "held"]

DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Letter:
    """A message that was handed over whole, whatever was answered."""

    to: str
    message_id: str


@dataclass
class MailServer:
    """Tricks by recipient, each played once, in order; without one a message is taken and said to be.

    `held_answer` is what those that are held are told when the gate opens.
    """

    port: int = 0
    greeting: Greeting = "open"
    tricks: dict[str, list[Trick]] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    connections: int = 0
    goodbyes: int = 0
    held_answer: str = "250 taken"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if letter.to == address]

    async def listen(self) -> None:
        """On a free port, or again on the one it had."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From now on connections are refused, and open ones are cut."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._talks.discard(talk)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._greets(reader, writer):
            return
        to = ""
        while line := (await reader.readline()).decode("latin-1").strip():
            verb = line.split(" ")[0].upper()
            if verb == "QUIT":
                self.goodbyes += 1
                await say(writer, "221 bye")
                return
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                await say(writer, {"later": "451 later", "never": "550 never"}.get(self._next(to, 0), "250 ok"))
            elif verb == "DATA":
                await say(writer, "354 go on")
                if not await self._take(reader, writer, to):
                    return
            else:
                await say(writer, "250 ok")

    async def _greets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the talk goes on."""
        if self.greeting == "silent":
            await reader.read()
        elif self.greeting == "drip":
            await drip(writer, b"220 mail.test is at your service\r\n" * 1_000)
        else:
            await say(writer, {"closed": "421 closed", "disabled": "554 disabled"}.get(self.greeting, "220 mail.test"))
        return self.greeting == "open"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: str) -> bool:
        """Whether the talk goes on."""
        message = email.message_from_bytes(await reader.readuntil(b"\r\n.\r\n"))
        self.letters.append(Letter(to, str(message["Message-ID"])))
        trick = self._next(to, 1)
        if trick == "cut":
            return False
        if trick == "mute":
            await reader.read()
        elif trick == "dripped":
            await drip(writer, b"250 taken" * 1_000)
        elif trick == "held":
            await self.gate.wait()
            await say(writer, self.held_answer)
        else:
            await say(writer, "250 taken")
        return True

    def _next(self, to: str, stage: int) -> str:
        waiting = self.tricks.get(to, [])
        mine = waiting and (waiting[0] not in ("later", "never")) == bool(stage)
        return waiting.pop(0) if mine else ""


async def say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(line.encode() + b"\r\n")
    await writer.drain()


async def drip(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Byte after byte, each long before a client that waits for any byte gives up."""
    for index in range(len(text)):
        writer.write(text[index : index + 1])
        await writer.drain()
        await pause(DRIP_SECONDS)


@asynccontextmanager
async def open_mail_server() -> AsyncIterator[MailServer]:
    """Listening on a free port; gone at the end, with whatever is held open."""
    server = MailServer()
    await server.listen()
    try:
        yield server
    finally:
        server.gate.set()
        with contextlib.suppress(OSError):
            await server.close()
