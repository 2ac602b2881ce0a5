"""The truth file: one line for each interaction that was answered as accepted, on disk before anything is concluded."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec


class TruthFile:
    """Written by the load, read by the ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self.lines = 0

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Returns when it is durable."""
        self._file.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines += len(events)

    def close(self) -> None:
        self._file.close()


def read_truth(path: Path) -> Iterator[dict[str, Any]]:
    """Every accepted interaction, as often as it was answered for."""
    with path.open("rb") as file:
        for line in file:
            yield msgspec.json.decode(line)
