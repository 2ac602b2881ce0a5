"""How customers are doing, as of now: computed from the stored basis when asked, so no answer is old."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from services.scoring.domain import scores
from services.scoring.domain.entities import Score
from services.scoring.handlers import StoreFactory, score_at, stored_inputs
from shared.clock import Clock
from shared.contracts import Score as ScoreContract
from shared.contracts.record import Record
from shared.http import ApiError, PageRequest, bad_cursor, cut, decode_cursor, page, requires
from shared.http.problems import PROBLEMS
from shared.http.schemas import ListOf, schema_response
from shared.postgres import Database

_FIRST = "00000000-0000-0000-0000-000000000000"
_EXPLAINED: dict[str, Any] = {
    "version": 1769774400123456,
    "moves": {
        "churn_risk": [
            {"by": "customer.purchase", "at": "2026-01-30T12:00:00Z", "value": 1.18, "band": "low"},
            {"by": "time", "at": "2026-04-05T04:30:00Z", "value": 70.0, "band": "high"},
        ]
    },
}

Reader = Depends(requires("scores:read"))


class Move(Record, frozen=True, kw_only=True):
    """What would move a score, a purchase now or the passing of time, and what it would be `at` that instant."""

    by: Literal["customer.purchase", "time"]
    at: datetime
    value: float | None
    band: str | None


class ExplainedScore(ScoreContract, frozen=True, kw_only=True):
    """The scores of one customer as of now, with what would move them.

    `version` is that of the snapshot on scores.v1. `moves` are by kind; a kind that nothing would move is left out.
    """

    version: int
    moves: dict[str, tuple[Move, ...]]


class Selection(PageRequest):
    """Which scores a list holds."""

    kind: Literal["churn_risk", "recency", "frequency", "monetary", "inactivity"] | None = Field(
        None, description="Only this kind in each item.", examples=["churn_risk"]
    )
    band: Literal["low", "medium", "high"] | None = Field(
        None,
        description="Only customers in this band of `kind`, which must be one that has bands.",
        examples=["high"],
    )


def routes(database: Database, store: StoreFactory, clock: Clock) -> APIRouter:
    """The routes of /v1/scores."""
    router = APIRouter(prefix="/v1/scores", tags=["scores"], dependencies=[Reader], responses=PROBLEMS)

    @router.get(
        "",
        summary="Scores of all customers, or of those in a band, in the order of their ids",
        responses=schema_response(ListOf(ScoreContract)),
    )
    async def list_scores(selection: Annotated[Selection, Query()]) -> Response:
        band, kind = selection.band, selection.kind
        if band is not None and kind not in scores.BANDS:
            with_bands = ", ".join(scores.BANDS)
            raise ApiError(422, "no_bands", f"`band` goes with one of these kinds: {with_bands}.", field="kind")
        after = _after(selection.cursor)
        async with database.connection() as connection:
            unit = store(connection)
            found = await unit.list_kept(band, after=after, limit=selection.limit + 1)
            total = await unit.count_kept(band) if selection.total else None
        now = clock.now()
        shown, cursor = cut(found, selection.limit, lambda kept: (kept.customer_id,))
        items = [_full(_only(score_at(kept, now), kind)) for kept in shown]
        return _answer(page(items, cursor, total))

    @router.get(
        "/{customer_id}",
        summary="How a customer is doing, why, and what would change it",
        responses=schema_response(ExplainedScore, example=_EXPLAINED),
    )
    async def get_score(customer_id: UUID) -> Response:
        async with database.connection() as connection:
            kept = await store(connection).get_kept(str(customer_id))
        if kept is None:
            raise ApiError(404, "no_customer", "No customer has this id, or no profile has arrived yet.")
        now = clock.now()
        moves = scores.moves(stored_inputs(kept), now)
        explained = {**score_at(kept, now), "version": kept.version, "moves": moves}
        return _answer(msgspec.convert(explained, ExplainedScore))

    return router


def _after(cursor: str | None) -> str:
    if cursor is None:
        return _FIRST
    try:
        return str(UUID(decode_cursor(cursor, str)[0]))
    except ValueError:
        raise bad_cursor() from None


def _only(score: Score, kind: str | None) -> Score:
    if kind is not None:
        score["kinds"] = {name: value for name, value in score["kinds"].items() if name == kind}
    return score


def _full(score: Score) -> ScoreContract:
    """With every field of the contract, also those that are null."""
    return msgspec.convert(score, ScoreContract)


def _answer(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
