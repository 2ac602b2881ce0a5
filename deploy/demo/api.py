"""Asks the running system over its public API, as anybody with a key could."""

from types import TracebackType
from typing import Any

import aiohttp

from shared.errors import TransientError


class Api:
    """A key and the base URLs of the services. Use as an async context manager."""

    def __init__(self, urls: dict[str, str], key: str) -> None:
        self._urls = urls
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Api":
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}"}, timeout=aiohttp.ClientTimeout(total=15)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, service: str, path: str, **query: Any) -> dict[str, Any]:
        """The JSON answer. Raises TransientError when there is none."""
        assert self._session is not None
        parameters = {name: str(value) for name, value in query.items()}
        try:
            async with self._session.get(self._urls[service] + path, params=parameters) as response:
                body: dict[str, Any] = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TransientError(f"{service} does not answer {path}: {error!r}") from None
        if response.status != 200:
            raise TransientError(f"{service} answers {path} with {response.status}: {body.get('detail')}")
        return body

    async def count(self, service: str, path: str, **query: Any) -> int:
        """How many a list has."""
        body = await self.get(service, path, limit=1, total="true", **query)
        return int(body["total"])

    async def every(self, service: str, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            body = await self.get(service, path, limit=1000, **query, **more)
            items += body["items"]
            cursor = body["next_cursor"]
            if cursor is None:
                return items

    async def metric(self, service: str, *names: str) -> float:
        """The sum of metrics over all their labels."""
        assert self._session is not None
        try:
            async with self._session.get(self._urls[service] + "/metrics") as response:
                lines = (await response.text()).splitlines()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TransientError(f"{service} gives no metrics: {error!r}") from None
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] in names
        )
