"""Posts prepared bodies to ingest from a process of its own, and notes when each was sent and answered.

Environment: BENCH_URL, BENCH_KEY, BENCH_BODIES (a file of `write_bodies`), BENCH_ANSWERS (a file for `read_answers`),
BENCH_IN_FLIGHT, BENCH_INTERVAL (seconds from one request to the next, whatever becomes of them; 0: as fast as answers
come). Instants are `perf_counter`, which all processes of a machine share.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import aiohttp
import msgspec
import uvloop

from shared.clock import pause

_AGAIN = (429, 503)


class Answer(msgspec.Struct, array_like=True):
    """One request: when it was sent first, when 202 was read, and how many events that accepted."""

    sent: float
    answered: float
    accepted: int


class _Receipt(msgspec.Struct):
    accepted: int


def write_bodies(path: Path, bodies: Sequence[bytes]) -> None:
    """Bodies of requests, in the order in which they are to be sent."""
    path.write_bytes(msgspec.msgpack.encode(bodies))


def read_answers(path: Path) -> list[Answer]:
    """One answer for each body, in the same order."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Answer])


async def main(environment: dict[str, str]) -> None:
    """Send everything once; what ingest puts off is sent again. Raises on any other answer."""
    bodies = msgspec.msgpack.decode(Path(environment["BENCH_BODIES"]).read_bytes(), type=list[bytes])
    interval = float(environment["BENCH_INTERVAL"])
    headers = {"Authorization": f"Bearer {environment['BENCH_KEY']}", "Content-Type": "application/json"}
    decode = msgspec.json.Decoder(_Receipt).decode
    room = asyncio.Semaphore(int(environment["BENCH_IN_FLIGHT"]))

    async def post(session: aiohttp.ClientSession, body: bytes) -> Answer:
        sent = perf_counter()
        try:
            while True:
                async with session.post(environment["BENCH_URL"], data=body) as response:
                    text = await response.read()
                if response.status == 202:
                    return Answer(sent, perf_counter(), decode(text).accepted)
                if response.status not in _AGAIN:
                    raise RuntimeError(f"ingest answered {response.status}: {text[:200]!r}")
                await pause(float(response.headers.get("Retry-After", "1")))
        finally:
            room.release()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session, asyncio.TaskGroup() as group:
        posts, started = [], perf_counter()
        for number, body in enumerate(bodies):
            await room.acquire()
            if interval:
                await pause(max(started + number * interval - perf_counter(), 0))
            posts.append(group.create_task(post(session, body)))
    Path(environment["BENCH_ANSWERS"]).write_bytes(msgspec.msgpack.encode([post.result() for post in posts]))


if __name__ == "__main__":
    uvloop.run(main(dict(os.environ)))
