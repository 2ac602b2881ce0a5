"""When a rule's condition held for one customer: the one function that rules are.

"More than N days" begins to hold at last + N x 86,400 s and holds at t exactly when `fired_at < t` and it has not
ended or `t < resolved_at`. So what ends at the very instant at which it would fire is no spell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.alerts.domain.entities import Anchor, Case, History
from services.alerts.domain.rules import PURCHASE, Absent, Happened, InBand, Rule, seconds

_DAY_SECONDS = 86_400


@dataclass(slots=True)
class Spell:
    """A stretch of time in which a condition held, anchored at the interaction that began it.

    `since` is the anchor's instant, `fired_at` the exact instant from which it held. `due_at` is `fired_at` and the
    rule's grace: a spell still open then is worth telling somebody (`noticeable`).
    """

    anchor: Anchor
    since: datetime
    fired_at: datetime
    resolved_at: datetime | None
    due_at: datetime
    facts: dict[str, str | int | float]

    @property
    def noticeable(self) -> bool:
        """It outlasted the rule's grace."""
        return self.resolved_at is None or self.resolved_at > self.due_at


def spells(rule: Rule, history: History, now: datetime) -> tuple[list[Spell], datetime | None]:
    """Every spell of `rule` up to `now`, and the instant at which this answer changes if nothing else happens.

    A spell that lasts is left out until it is due (grace is over), so that interactions still under way can prevent
    it. One that has ended is always in, however short: whether it held at t must not depend on when one looks. With
    a grace of zero the answer is exact for every t before `now`; with a longer one for every t before `now - grace`.
    Nothing that began before `history.since` is decided.
    """
    found: list[Spell] = []
    next_at: datetime | None = None
    for spell in _candidates(rule, history):
        if spell.since < history.since:
            continue
        if spell.resolved_at is not None or spell.due_at <= now:
            found.append(spell)
        elif next_at is None or spell.due_at < next_at:
            next_at = spell.due_at
    return found, next_at


def ended_before_history(rule: Rule, history: History, anchor: Anchor, since: datetime) -> datetime | None:
    """The end of a spell that began before `history.since`, as far as the history still shows it; else None.

    Of an absence that is the end of the stretch with that anchor, or else the oldest instant known to be later.
    """
    known = [spell for spell in _candidates(rule, history) if spell.anchor == anchor]
    if known:
        return known[0].resolved_at
    if isinstance(rule.when, Absent):
        stretches = history.silences.get(rule.when.absent, ())
        return min((stretch.since for stretch in stretches if stretch.since > since), default=None)
    return None


def _candidates(rule: Rule, history: History) -> Iterator[Spell]:
    when = rule.when
    if isinstance(when, Absent):
        return _absences(when, history, rule.grace)
    if isinstance(when, InBand):
        return _bands(when, history, rule.grace)
    return _cases(when, history, rule.grace)


def _absences(when: Absent, history: History, grace: timedelta) -> Iterator[Spell]:
    length = seconds(when.longer_than)
    days = length // _DAY_SECONDS if length % _DAY_SECONDS == 0 else length / _DAY_SECONDS
    for silence in history.silences.get(when.absent, ()):
        fired_at = silence.since + when.longer_than
        if silence.until is not None and silence.until <= fired_at:
            continue
        facts: dict[str, str | int | float] = {"absent": when.absent, "days": days}
        if when.absent == PURCHASE:
            facts["ordinal"] = silence.ordinal
        yield Spell(silence.anchor, silence.since, fired_at, silence.until, fired_at + grace, facts)


def _bands(when: InBand, history: History, grace: timedelta) -> Iterator[Spell]:
    for band in history.bands.get(when.score, ()):
        if band.band == when.band and (band.until is None or band.until > band.since):
            facts: dict[str, str | int | float] = {"score": when.score, "band": when.band}
            yield Spell(band.anchor, band.since, band.since, band.until, band.since + grace, facts)


def _cases(when: Happened, history: History, grace: timedelta) -> Iterator[Spell]:
    for case in history.complaints:
        settled_at = _settled_at(when, case)
        if settled_at is not None and settled_at <= case.opened_at:
            continue
        facts: dict[str, str | int | float] = {"event": when.event}
        if case.case is not None:
            facts["case"] = case.case
        yield Spell(case.anchor, case.opened_at, case.opened_at, settled_at, case.opened_at + grace, facts)


def _settled_at(when: Happened, case: Case) -> datetime | None:
    # A complaint that was resolved needs no answer any more.
    if when.until == "customer.complaint.answered" and case.answered_at is not None:
        return min(case.answered_at, case.resolved_at) if case.resolved_at is not None else case.answered_at
    return case.resolved_at
