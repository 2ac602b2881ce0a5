"""Where a customer stands by the time since the last purchase, with exact instants.

"More than N days" begins strictly after last + N x 86,400 s, and `since` is that instant: at it the old state still
holds. The list of changes is a function of purchase times, policy and an instant; purchases and the passing of time
extend it, and an earlier purchase than time had assumed takes the assumed changes back.

A policy keeps `new_for` and `won_back_for` within `lapsing_after`, so `new` begins at the first purchase and
`won_back` at a return, and both are over before a customer can lapse.
"""

from datetime import datetime

from services.profiles.domain.entities import Lifecycle, LifecycleChange
from services.profiles.domain.policy import Policy

# How a customer drifts away, in order; only time leads here.
DRIFT: tuple[Lifecycle, ...] = ("lapsing", "dormant", "churned")
# What a purchase begins and time ends.
FRESH: tuple[Lifecycle, ...] = ("new", "won_back")


def purchase_again(changes: list[LifecycleChange], previous: datetime, time: datetime, policy: Policy) -> None:
    """Add what a purchase at `time` after one at `previous` (not later than it) changes."""
    if changes[-1]["since"] >= time:
        _take_back(changes, time)
    gap = time - previous
    if gap > policy.lapsing_after:
        pass_time(changes, previous, time, policy)
        changes.append({"lifecycle": "won_back" if gap > policy.churned_after else "active", "since": time})


def pass_time(changes: list[LifecycleChange], purchased: datetime, until: datetime, policy: Policy) -> None:
    """Make `changes` what holds at `until`, with the last purchase at `purchased`."""
    if changes[-1]["since"] >= until:
        _take_back(changes, until)
    while (change := _next(changes[-1], purchased, policy)) and change["since"] < until:
        changes.append(change)


def next_transition(changes: list[LifecycleChange], purchased: datetime, policy: Policy) -> datetime | None:
    """The instant after which time alone has changed the lifecycle; None once churned."""
    change = _next(changes[-1], purchased, policy)
    return change["since"] if change else None


def _next(current: LifecycleChange, purchased: datetime, policy: Policy) -> LifecycleChange | None:
    """What time turns `current` into."""
    match current["lifecycle"]:
        case "active":
            return {"lifecycle": "lapsing", "since": purchased + policy.lapsing_after}
        case "new" | "won_back" as fresh:
            ends = current["since"] + (policy.new_for if fresh == "new" else policy.won_back_for)
            # Over in the instant in which lapsing begins: nothing in between.
            follows: Lifecycle = "active" if ends < purchased + policy.lapsing_after else "lapsing"
            return {"lifecycle": follows, "since": ends}
        case "lapsing":
            return {"lifecycle": "dormant", "since": purchased + policy.dormant_after}
        case "dormant":
            return {"lifecycle": "churned", "since": purchased + policy.churned_after}
        case _:
            return None


def _take_back(changes: list[LifecycleChange], instant: datetime) -> None:
    """Remove what time alone would have brought at `instant` or later; what a purchase brought stays."""
    while len(changes) > 1 and changes[-1]["since"] >= instant:
        if changes[-1]["lifecycle"] not in DRIFT and changes[-2]["lifecycle"] not in FRESH:
            return
        changes.pop()
