"""What a check finds: one line, and the way out where something is wrong."""

from dataclasses import dataclass
from typing import Literal

# note: worth knowing, and nothing is wrong. unseen: could not be looked at, because of what is wrong elsewhere.
Verdict = Literal["fine", "note", "wrong", "unseen"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a stable code; `act` is what to do, empty when there is nothing to do."""

    check: str
    verdict: Verdict
    says: str
    act: str = ""


def fine(check: str, says: str) -> Finding:
    return Finding(check, "fine", says)


def note(check: str, says: str, act: str = "") -> Finding:
    return Finding(check, "note", says, act)


def wrong(check: str, says: str, act: str) -> Finding:
    return Finding(check, "wrong", says, act)


def unseen(check: str, says: str, act: str = "") -> Finding:
    return Finding(check, "unseen", says, act)
