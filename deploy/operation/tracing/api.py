"""Asks the five public APIs with an administrator's key."""

from types import TracebackType
from typing import Any

import aiohttp
import msgspec

from deploy.operation.installation import Installation
from shared.errors import ConfigurationError, EbbtideError

_SECONDS = 15.0


class AwayError(EbbtideError):
    """A service does not answer, or not yet; its part of the path is unknown."""


class Api:
    """The five services. Use as an async context manager."""

    def __init__(self, installation: Installation) -> None:
        self._urls = installation.urls
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {installation.require_key()}"},
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
        )

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, service: str, path: str, **query: str | int | None) -> dict[str, Any] | None:
        """The JSON object it answers; None for 404.

        Raises AwayError when it does not answer, ConfigurationError when it refuses the key or the question.
        """
        parameters = {name: str(value) for name, value in query.items() if value is not None}
        try:
            async with self._session.get(self._urls[service] + path, params=parameters) as answer:
                body: Any = msgspec.json.decode(await answer.read())
        except (aiohttp.ClientError, OSError, msgspec.DecodeError) as error:
            raise AwayError(f"{service} does not answer at {self._urls[service]} ({type(error).__name__})") from None
        if answer.status == 404:
            return None
        if answer.status == 200 and isinstance(body, dict):
            return body
        detail = body.get("detail", "") if isinstance(body, dict) else ""
        if answer.status in (401, 403, 422):
            raise ConfigurationError(f"{service} refuses ({answer.status}): {detail}")
        raise AwayError(f"{service} answers {answer.status}: {detail}")

    async def all_of(self, service: str, path: str, **query: str | int | None) -> list[dict[str, Any]]:
        """The items of a list, all its pages."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.get(service, path, limit=1000, cursor=cursor, **query) or {}
            items += page.get("items", [])
            cursor = page.get("next_cursor")
            if cursor is None:
                return items
