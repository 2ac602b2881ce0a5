"""What of the past is kept: 24 months before the newest interaction, at most 200 entries a kind.

An entry leaves once it *ended* before the cut; what is open stays. What the count of 200 pushes out moves
`History.since` just behind its beginning. Both depend on the interactions alone, and it makes no difference whether
old entries are dropped at once or later: so any batches give the same history.
"""

from datetime import datetime, timedelta

from services.profiles.domain.entities import Case, Customer, History, Survey

KEPT = timedelta(days=730)
MOST = 200
INSTANT = timedelta(microseconds=1)


def trim(customer: Customer) -> None:
    """Drop what ended more than 24 months before the newest interaction."""
    watermark, first = customer.watermark, customer.aggregates.first_activity_at
    if watermark is None:
        return
    history = customer.history
    cut = watermark.time - KEPT
    if cut > history.since:
        history.since = cut
    # Every entry begins at an activity, so a younger customer has nothing to drop.
    if first is None or first >= cut:
        return
    history.drop_gaps_ended_before(cut)
    _trim_complaints(history, cut)
    _trim_surveys(history, cut)
    changes = history.lifecycle
    ended = 0
    while ended + 1 < len(changes) and changes[ended + 1]["since"] < cut:
        ended += 1
    del changes[:ended]


def add_complaint(history: History, case: Case) -> None:
    """Append the newest complaint; beyond 200 kept ones the oldest is forgotten, open or not."""
    history.complaints.append(case)
    if len(history.complaints) > MOST:
        _trim_complaints(history, case["opened_at"] - KEPT)
        while len(history.complaints) > MOST:
            _begin_after(history, history.complaints.pop(0)["opened_at"])


def add_survey(history: History, survey: Survey) -> None:
    """Append the newest survey; beyond 200 kept ones the oldest is forgotten."""
    history.surveys.append(survey)
    if len(history.surveys) > MOST:
        _trim_surveys(history, survey["answered_at"] - KEPT)
        while len(history.surveys) > MOST:
            _begin_after(history, history.surveys.pop(0)["answered_at"])


def _trim_complaints(history: History, cut: datetime) -> None:
    if history.complaints and history.complaints[0]["opened_at"] < cut:
        history.complaints[:] = [
            case for case in history.complaints if case["resolved_at"] is None or case["resolved_at"] >= cut
        ]


def _trim_surveys(history: History, cut: datetime) -> None:
    if history.surveys and history.surveys[0]["answered_at"] < cut:
        history.surveys[:] = [survey for survey in history.surveys if survey["answered_at"] >= cut]


def _begin_after(history: History, forgotten: datetime) -> None:
    """Rules no longer decide about what began at the instant `forgotten` or earlier."""
    history.since = max(history.since, forgotten + INSTANT)
