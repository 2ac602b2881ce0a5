"""Runs what an operator asks for, and says in a sentence what stands in the way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from deploy.operation.installation import Installation, find_installation
from shared.errors import ConfigurationError, EbbtideError

T = TypeVar("T")


def run(data: Path, act: Callable[[Installation], Awaitable[T]]) -> T:
    """`act` on the installation that `data` or the environment tells of. Not for use in a coroutine.

    Raises what `act` raises on purpose, and ConfigurationError when a database does not answer.
    """
    installation = find_installation(data)
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries log about servers that are away, we say

    async def go() -> T:
        return await act(installation)

    try:
        return asyncio.run(go())
    except EbbtideError:
        raise
    except Exception as error:
        if not is_away(error):
            raise
        raise ConfigurationError(
            f"A database of Ebbtide cannot be used ({type(error).__name__}): look with `ebbtide doctor`."
        ) from None


def is_away(error: Exception) -> bool:
    """Whether something outside does not answer or does not let us in; anything else is a defect."""
    return isinstance(error, OSError) or type(error).__module__.startswith(("asyncpg", "aiohttp"))
