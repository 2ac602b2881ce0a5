"""One batch of profiles to the scores of their customers: keep what matters, evaluate, store, snapshots to publish."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from services.scoring.domain import scores
from services.scoring.domain.entities import Anchor as DomainAnchor
from services.scoring.domain.entities import Inputs, PurchaseGap, Score, Status
from services.scoring.metrics import ScoringMetrics
from shared.clock import Clock, pause
from shared.contracts import Anchor, Gap, Snapshot
from shared.contracts.record import Record
from shared.ids import next_version
from shared.pipeline import Handler, Outcome, Publication, Received
from shared.postgres import Connection

# Scoring is pure CPU: let heartbeats and HTTP answers in between.
CUSTOMERS_BETWEEN_YIELDS = 250

_ENCODER = msgspec.json.Encoder()


class OwnerPart(Record, frozen=True, kw_only=True):
    """The account owner."""

    staff_id: str


class AggregatesPart(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The sums that scores are made of."""

    last_activity_at: datetime | None = None
    purchases: int = 0
    purchase_days: int = 0
    last_purchase_at: datetime | None = None
    last_purchase: Anchor | None = None
    spend: dict[str, str] = {}


class HistoryPart(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The closed gaps between purchases."""

    since: datetime
    purchase_gaps: tuple[Gap, ...] = ()


class ProfilePart(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a profile that scores follow from, under the contract's names; personal data never gets in here.

    It is stored as the basis from which a customer's scores are computed again at any instant. Two profiles with the
    same basis have the same scores, so comparing the stored bytes tells whether anything changed. `references` move no
    score, but alerts go by `Score.profile_version` to tell whose references a score covers: so they count as a change.
    """

    customer_id: str
    status: Status = "active"
    references: tuple[str, ...] = ()
    lifecycle: str = "prospect"
    value_tier: str | None = None
    behaviour: str | None = None
    segments: tuple[str, ...] = ()
    owner: OwnerPart | None = None
    aggregates: AggregatesPart = AggregatesPart()
    history: HistoryPart


_BASIS_DECODER = msgspec.json.Decoder(ProfilePart)


@dataclass(slots=True)
class Kept:
    """What the store holds of one customer: the basis, and where things stood when it was last looked at."""

    customer_id: str
    version: int
    profile_version: int
    basis: bytes
    churn_band: str | None
    next_transition_at: datetime | None
    correlation_id: str


@dataclass(slots=True)
class ScoreRow:
    """One customer's scores as they are stored; `snapshot` is byte for byte what is published."""

    customer_id: str
    version: int
    snapshot: bytes
    profile_version: int
    basis: bytes
    status: Status
    churn_band: str | None
    next_transition_at: datetime | None
    correlation_id: str


class ScoreStore(Protocol):
    """What handlers, timers and the API need of the store; see `store.py`."""

    async def get_for_update(self, customer_ids: Sequence[str]) -> Mapping[str, Kept]: ...

    async def get_database_micros(self) -> int: ...

    async def get_snapshots(self, entity_ids: Sequence[str]) -> Sequence[tuple[str, int, bytes | None]]: ...

    async def append_scores(self, rows: Sequence[ScoreRow]) -> None: ...

    async def update_scores(self, rows: Sequence[ScoreRow]) -> None: ...

    async def update_profile_versions(self, versions: Mapping[str, int]) -> None: ...

    async def claim_due(self, now: datetime, limit: int) -> Sequence[Kept]: ...

    async def get_kept(self, customer_id: str) -> Kept | None: ...

    async def list_kept(self, band: str | None, *, after: str, limit: int) -> Sequence[Kept]: ...

    async def count_kept(self, band: str | None) -> int: ...


StoreFactory = Callable[[Connection], ScoreStore]


def on_profiles(store: StoreFactory, metrics: ScoringMetrics, *, clock: Clock, settled: Clock) -> Handler:
    """The handler of `profiles.v1`; `settled` is the clock by which scores drift.

    The newest version per customer wins, within a batch and against the store. Every customer of the batch is published
    as stored afterwards, changed or not, so a repeated batch repeats its snapshots. Whose basis stayed the same keeps
    version and snapshot.
    """

    async def handle(connection: Connection, records: Sequence[Received[Snapshot[ProfilePart]]]) -> Outcome:
        unit = store(connection)
        newest = _newest(record.value for record in records)
        before = await unit.get_for_update(list(newest))
        micros, now, settled_at = await unit.get_database_micros(), clock.now(), settled.now()
        new: list[ScoreRow] = []
        changed: list[ScoreRow] = []
        confirmed: dict[str, int] = {}
        duplicate = 0
        stale = len(records) - len(newest)
        for index, (customer_id, profile) in enumerate(newest.items(), start=1):
            if index % CUSTOMERS_BETWEEN_YIELDS == 0:
                await pause(0)
            kept = before.get(customer_id)
            if kept is not None and profile.version <= kept.profile_version:
                if profile.version == kept.profile_version:
                    duplicate += 1
                else:
                    stale += 1
                continue
            row = _scored(profile, kept, micros, now=now, settled_at=settled_at)
            if row is None:
                confirmed[customer_id] = profile.version
            else:
                (new if kept is None else changed).append(row)
        await unit.append_scores(new)
        await unit.update_scores(changed)
        await unit.update_profile_versions(confirmed)
        metrics.count_changes(_changes(before, (*new, *changed)), cause="profile")
        publications = [Publication(row.customer_id, row.version, row.snapshot) for row in (*new, *changed)]
        unchanged = newest.keys() - {publication.entity_id for publication in publications}
        publications += [Publication(*stored) for stored in await unit.get_snapshots(sorted(unchanged))]
        return Outcome(publications, len(records) - duplicate - stale, duplicate, stale)

    return handle


def score_at(kept: Kept, now: datetime) -> Score:
    """The scores of a stored customer at `now`: a pure function of the stored basis."""
    return scores.score(stored_inputs(kept), now, profile_version=kept.profile_version)


def stored_inputs(kept: Kept) -> Inputs:
    """The inputs that a stored customer's scores are computed from."""
    return inputs_of(_BASIS_DECODER.decode(kept.basis))


def inputs_of(profile: ProfilePart) -> Inputs:
    """A profile in the words of the domain."""
    sums, history = profile.aggregates, profile.history
    return Inputs(
        profile.customer_id,
        profile.lifecycle,
        history.since,
        profile.status,
        profile.value_tier,
        profile.behaviour,
        profile.segments,
        profile.owner.staff_id if profile.owner is not None else None,
        sums.last_purchase_at,
        _anchor(sums.last_purchase) if sums.last_purchase is not None else None,
        sums.purchases,
        sums.purchase_days,
        sums.spend,
        sums.last_activity_at,
        tuple([PurchaseGap(_anchor(gap), gap.since, gap.until, gap.ordinal) for gap in history.purchase_gaps]),
    )


def row_of(score: Score, now: datetime, *, version: int, basis: bytes, correlation_id: str) -> ScoreRow:
    """The row and the snapshot of a score made at `now` from `basis`."""
    customer_id = score["customer_id"]
    churn = score["kinds"].get("churn_risk")
    snapshot = Snapshot(
        id=f"{customer_id}:{version}",
        source="ebbtide/scoring",
        type="ebbtide.score",
        subject=customer_id,
        time=now,
        version=version,
        correlationid=correlation_id,
        data=score,
    )
    return ScoreRow(
        customer_id,
        version,
        _ENCODER.encode(snapshot),
        score["profile_version"],
        basis,
        score["status"],
        churn.get("band") if churn is not None else None,
        score["next_transition_at"],
        correlation_id,
    )


def _newest(profiles: Iterable[Snapshot[ProfilePart]]) -> dict[str, Snapshot[ProfilePart]]:
    """The newest snapshot per customer, in key order."""
    newest: dict[str, Snapshot[ProfilePart]] = {}
    for profile in profiles:
        known = newest.get(profile.subject)
        if known is None or profile.version > known.version:
            newest[profile.subject] = profile
    return dict(sorted(newest.items()))


def _scored(
    profile: Snapshot[ProfilePart], before: Kept | None, micros: int, *, now: datetime, settled_at: datetime
) -> ScoreRow | None:
    """The new row of a newer profile; None when it says the same as before.

    Scored as of what is settled, or as of the customer's own newest activity if that is later.
    """
    basis = _without_short_gaps(profile.data)
    encoded = _ENCODER.encode(basis)
    if before is not None and before.basis == encoded:
        return None
    version = next_version(before.version if before is not None else 0, micros)
    newest = basis.aggregates.last_activity_at
    # Of whom no activity is known nothing can have drifted.
    as_of = now if newest is None else min(now, max(settled_at, newest))
    score = scores.score(inputs_of(basis), as_of, profile_version=profile.version)
    return row_of(score, now, version=version, basis=encoded, correlation_id=profile.correlationid)


def _without_short_gaps(profile: ProfilePart) -> ProfilePart:
    history = profile.history
    gaps = tuple([gap for gap in history.purchase_gaps if gap.until - gap.since > scores.SHORTEST_GAP])
    if len(gaps) == len(history.purchase_gaps):
        return profile
    return msgspec.structs.replace(profile, history=HistoryPart(since=history.since, purchase_gaps=gaps))


def _anchor(anchored: Anchor | Gap) -> DomainAnchor:
    return {"reference": anchored.reference, "source": anchored.source, "id": anchored.id}


def _changes(before: Mapping[str, Kept], rows: Iterable[ScoreRow]) -> Counter[str]:
    """How many customers entered each band of churn risk."""
    entered: Counter[str] = Counter()
    for row in rows:
        band, old = row.churn_band, before.get(row.customer_id)
        if band is not None and (old is None or old.churn_band != band):
            entered[band] += 1
    return entered
