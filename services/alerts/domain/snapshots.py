"""The parts of profiles and scores that rules look at, under the contracts' field names, and what they say together.

Records are decoded straight into these, so personal data never enters this service. Nothing changes one once made;
they are not frozen because a batch holds tens of thousands (see `entities.Alert`).
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.alerts.domain.entities import Anchor, Band, Case, History, Silence, Status, Subject
from services.alerts.domain.rules import ACTIVITY, PURCHASE


@dataclass(slots=True)
class OwnerPart:
    """The account owner."""

    staff_id: str


@dataclass(slots=True)
class WatermarkPart:
    """The newest interaction."""

    time: datetime


@dataclass(slots=True)
class AggregatesPart:
    """Where the open silences began."""

    last_activity_at: datetime | None = None
    last_activity: Anchor | None = None
    purchase_days: int = 0
    last_purchase_at: datetime | None = None
    last_purchase: Anchor | None = None


@dataclass(slots=True)
class HistoryPart:
    """The closed silences and the complaints."""

    since: datetime
    purchase_gaps: tuple[Silence, ...] = ()
    activity_gaps: tuple[Silence, ...] = ()
    complaints: tuple[Case, ...] = ()


@dataclass(slots=True)
class ProfilePart:
    """What activity and event rules look at."""

    customer_id: str
    history: HistoryPart
    status: Status = "active"
    merged_into: str | None = None
    references: tuple[str, ...] = ()
    value_tier: str | None = None
    owner: OwnerPart | None = None
    aggregates: AggregatesPart = field(default_factory=AggregatesPart)
    watermark: WatermarkPart | None = None


@dataclass(slots=True)
class KindPart:
    """The band history of one kind of score."""

    bands: tuple[Band, ...] = ()


@dataclass(slots=True)
class ScorePart:
    """What score rules look at."""

    customer_id: str
    profile_version: int
    history_since: datetime
    status: Status = "active"
    owner: str | None = None
    kinds: dict[str, KindPart] = field(default_factory=dict)


def subject_of_profile(profile: ProfilePart, version: int, correlationid: str) -> Subject:
    """The customer as activity and event rules see them."""
    past, sums = profile.history, profile.aggregates
    # Quiet gaps between purchases are stretches without any activity, and are listed only once.
    quiet = [silence for silence in past.purchase_gaps if silence.quiet]
    if past.activity_gaps:
        quiet = sorted([*quiet, *past.activity_gaps], key=lambda silence: silence.since)
    history = History(
        since=past.since,
        silences={
            PURCHASE: (*past.purchase_gaps, *_open(sums.last_purchase, sums.last_purchase_at, sums.purchase_days)),
            ACTIVITY: (*quiet, *_open(sums.last_activity, sums.last_activity_at, 0)),
        },
        complaints=past.complaints,
    )
    return Subject(
        customer_id=profile.customer_id,
        version=version,
        profile_version=version,
        history=history,
        references=profile.references if profile.status == "active" else (),
        status=profile.status,
        merged_into=profile.merged_into,
        owner=profile.owner.staff_id if profile.owner is not None else None,
        correlationid=correlationid,
        value_tier=profile.value_tier,
        newest_at=profile.watermark.time if profile.watermark is not None else None,
    )


def subject_of_score(score: ScorePart, version: int, correlationid: str) -> Subject:
    """The customer as score rules see them."""
    bands = {kind: part.bands for kind, part in score.kinds.items() if part.bands}
    return Subject(
        customer_id=score.customer_id,
        version=version,
        profile_version=score.profile_version,
        history=History(since=score.history_since, bands=bands),
        references=tuple(sorted({band.anchor.reference for spells in bands.values() for band in spells})),
        status=score.status,
        owner=score.owner,
        correlationid=correlationid,
        # A band that the score names has begun, or it would not say so.
        newest_at=max((band.until or band.since for spells in bands.values() for band in spells), default=None),
    )


def _open(anchor: Anchor | None, since: datetime | None, ordinal: int) -> tuple[Silence, ...]:
    if anchor is None or since is None:
        return ()
    return (Silence(since, None, ordinal, False, anchor.reference, anchor.source, anchor.id),)
