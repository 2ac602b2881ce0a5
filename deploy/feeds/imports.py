"""One file into a running system: sent in batches, every row accounted for."""

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from deploy.feeds.client import MAX_EVENTS, InteractionsClient, Receipt, send_all
from deploy.feeds.purchases import Layout, Row, read_purchases

_COLUMNS = ("row", "field", "code", "reason")


@dataclass(slots=True)
class Summary:
    """What became of the rows; `accepted + refused` is `rows` when the import is through."""

    rows: int = 0
    accepted: int = 0
    refused: int = 0
    refused_file: str | None = None
    seconds: float = 0.0


class RefusedRows:
    """Writes refused rows beside the file, with their line and the reason; the file appears with the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: Any = None
        self._writer: Any = None

    def __enter__(self) -> "RefusedRows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, field: str, code: str, reason: str) -> None:
        """Write one row."""
        if self._writer is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow([*_COLUMNS, *row.cells])
        self._writer.writerow([row.line, field, code, reason, *row.cells.values()])
        self.count += 1


async def import_purchases(
    path: Path,
    layout: Layout,
    client: InteractionsClient,
    *,
    refused_path: Path,
    progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Send every row. Raises what `read_purchases` and `InteractionsClient.send` raise; sending again is safe."""
    summary = Summary()
    started = time.monotonic()
    with RefusedRows(refused_path) as refused:

        def told(rows: Sequence[Row], receipt: Receipt) -> None:
            for refusal in receipt.refused:
                refused.add(rows[refusal.index], refusal.field, refusal.code, refusal.reason)
            summary.rows += len(rows)
            summary.accepted += receipt.accepted
            summary.refused = refused.count
            progress(summary)

        async def send(rows: Sequence[Row]) -> Receipt:
            return await client.send([row.event for row in rows])

        await send_all(_batches(path, layout, refused, summary), send, told)
    summary.refused = refused.count
    summary.refused_file = str(refused_path) if refused.count else None
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


def _batches(path: Path, layout: Layout, refused: RefusedRows, summary: Summary) -> Iterator[list[Row]]:
    """Rows that are events, 500 at a time; the others are refused here."""

    def events() -> Iterator[Row]:
        for row in read_purchases(path, layout):
            if row.event is None:
                refused.add(row, "row", "cells", row.problem)
                summary.rows += 1
            else:
                yield row

    rows = events()
    while batch := list(islice(rows, MAX_EVENTS)):
        yield batch
