"""Runs one service process: event loop, signals, drain, exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog
import uvloop

from shared.clock import pause
from shared.errors import ConfigurationError

log = structlog.get_logger(__name__)

STOP_SECONDS = 20
# More than timers have to finish what they began.
CANCEL_AGAIN_SECONDS = 9.0


class Startable(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def failed(self) -> None: ...


def run(build: Callable[[], Startable]) -> None:
    """Build, start, wait for SIGTERM or SIGINT, stop within 20 s. Exit 2: the operator has to change something."""
    # Batches hold tens of thousands of live values: collecting the youngest every 700 finds nothing and costs much.
    gc.set_threshold(200_000, 20, 20)
    try:
        uvloop.run(_serve(build))
    except ConfigurationError as error:
        sys.exit(_told(error))


def _told(error: ConfigurationError) -> int:
    print(f"ebbtide: {error}", file=sys.stderr)
    return 2


async def supervise(name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a loop that should never end, and again when it does or raises; later each time, every 10 s in the end."""
    delay = 0.5
    while True:
        try:
            await loop()
            log.error("loop_ended", loop=name)
        except Exception:
            log.exception("loop_failed", loop=name, retry_seconds=delay)
        await pause(delay)
        delay = min(delay * 2, 10)


async def cancel(tasks: Sequence["asyncio.Future[Any]"], *, again: float = CANCEL_AGAIN_SECONDS) -> None:
    """Returns when all have ended, however they did: what they raise is of interest to nobody any more.

    Whoever has not after `again` seconds is asked once more: in Python 3.11 a cancellation is lost when a library is in
    `wait_for` and the result comes at the same moment.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=again)
    # Or asyncio complains of exceptions that were never retrieved.
    await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(build: Callable[[], Startable]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = build()
    starting = asyncio.ensure_future(app.start())
    stopping = asyncio.ensure_future(stop.wait())
    failing = asyncio.ensure_future(app.failed())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            gc.freeze()
            await asyncio.wait([stopping, failing], return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
    finally:
        await cancel([starting, stopping, failing])
        log.info("stopping")
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
        log.info("stopped")
