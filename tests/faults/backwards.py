"""Remembers the most that was seen of each thing, and says when less comes after it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.faults.ledger import Difference

_SUMS = ("interactions", "purchases")
# Why an alert may hold again that was taken back, as it says itself.
_RETURNED = ("spell_returned", "start_moved")


class _Versioned(msgspec.Struct):
    version: int


_VERSION = msgspec.json.Decoder(_Versioned).decode


class Backwards:
    """What one reader may never see, of three APIs that it asks one question after the other, and of four topics."""

    def __init__(self) -> None:
        self.found: list[Difference] = []
        self._answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], int] = {}

    def answer(self, service: str, entity: str, item: Mapping[str, Any]) -> None:
        """What the API of a service says now about one of its entities."""
        before = self._answers.get((service, entity))
        self._answers[service, entity] = item
        if before is None:
            return
        if item["version"] < before["version"]:
            self._say(f"version in {service}", f"{entity}: {item['version']} after {before['version']}")
        if service == "profiles" and item["status"] == before["status"] == "active":
            for name in _SUMS:
                less, more = item["aggregates"][name], before["aggregates"][name]
                if less < more:
                    self._say(f"{name} in {service}", f"{entity}: {less} after {more}")
        if service == "alerts" and before["condition"] == "retracted" != item["condition"] and not _returned(item):
            self._say(f"condition in {service}", f"{entity}: {item['condition']} after retracted, and no reason")

    def forget(self, service: str) -> None:
        """Its database is from a backup: its API says what that holds. What it had published binds it all the same."""
        self._answers = {key: item for key, item in self._answers.items() if key[0] != service}

    def record(self, topic: str, key: str, value: bytes | None) -> None:
        """The next record of a topic. An older one may come late; it must not stay the last."""
        if value is None:
            self._newest.pop((topic, key), None)
            self._last.pop((topic, key), None)
            return
        version = _VERSION(value).version
        self._newest[topic, key] = max(version, self._newest.get((topic, key), 0))
        self._last[topic, key] = version

    def at_rest(self) -> None:
        """All topics were read to their ends, and nothing is under way."""
        for (topic, key), last in self._last.items():
            newest = self._newest[topic, key]
            if last < newest:
                self._say(topic, f"{key} ends with {last}, {newest} came before")
                self._newest[topic, key] = last  # said once

    def take(self) -> list[Difference]:
        """What was found since the last call."""
        found, self.found = self.found, []
        return found

    def _say(self, where: str, what: str) -> None:
        self.found.append(Difference("backwards", where, what))


def _returned(alert: Mapping[str, Any]) -> bool:
    return any(act["reason"] in _RETURNED for act in alert["history"])
