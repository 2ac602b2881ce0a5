"""What was read and is not yet published."""

import asyncio

from shared.pipeline.records import Span


class InHand:
    """The spans that a pipeline works on, from decoding until their effects are on the topic."""

    def __init__(self) -> None:
        self._spans: set[Span] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def records(self) -> int:
        return sum(span.size for span in self._spans)

    @property
    def oldest_at(self) -> float | None:
        """Wall-clock seconds of the oldest record."""
        return min((span.oldest_at for span in self._spans), default=None)

    def take(self, span: Span) -> None:
        self._spans.add(span)
        self._empty.clear()

    def let_go(self, span: Span) -> None:
        """Published, dropped, or part of another one by now."""
        self._spans.discard(span)
        if not self._spans:
            self._empty.set()

    async def wait_empty(self) -> None:
        await self._empty.wait()
