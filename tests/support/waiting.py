"""Tests wait for what they need, never for seconds."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.clock import pause

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], *, what: str, seconds: float = 60.0) -> T:
    """The first truthy thing `look` finds. Fails naming `what` and the last thing seen."""
    deadline = time.monotonic() + seconds
    found: T | None = None
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await pause(0.02)
    raise AssertionError(f"{what}: not within {seconds:g} s, last seen: {found!r}")
