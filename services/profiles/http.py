"""The archive over HTTP: one customer, its timeline, look-up by reference."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from services.profiles.domain.archive import Shelf
from shared.contracts import Interaction, Profile, Snapshot
from shared.http import ApiError, decode_cursor, encode_cursor, page, requires
from shared.http.problems import PROBLEMS, Problem
from shared.http.schemas import ListOf, schema_response
from shared.postgres import Connection, Database

_DECODE_PROFILE = msgspec.json.Decoder(Snapshot[Profile]).decode
_DECODE_INTERACTION = msgspec.json.Decoder(Interaction).decode
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such customer"}}


Reader = Depends(requires("customers:read"))


def routes(database: Database, store: Callable[[Connection], Shelf]) -> APIRouter:
    """The routes of /v1/customers."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[Reader], responses=PROBLEMS)

    async def find(connection: Connection, customer_id: str) -> tuple[int, Profile]:
        found = await store(connection).get_customer(customer_id)
        if found is None:
            raise ApiError(404, "no_customer", "No customer has this id.", field="customer_id")
        version, snapshot = found
        return version, _DECODE_PROFILE(snapshot).data

    @router.get("", summary="Customers that have a reference", responses=schema_response(ListOf(Profile)))
    async def look_up(
        reference: Annotated[str, Query(description="A reference, `namespace:value`.", max_length=300)],
    ) -> Response:
        async with database.connection() as connection:
            customer_id = await store(connection).get_customer_id(reference)
            items = [_item(*await find(connection, customer_id))] if customer_id else []
        return _answer(page(items, None))

    @router.get(
        "/{customer_id}",
        summary="One customer: references, classes, aggregates, history",
        responses={**_NOT_FOUND, **schema_response(Profile)},
    )
    async def get_customer(customer_id: UUID) -> Response:
        async with database.connection() as connection:
            return _answer(_item(*await find(connection, str(customer_id))))

    @router.get(
        "/{customer_id}/timeline",
        summary="Everything that happened to a customer, in order",
        responses={**_NOT_FOUND, **schema_response(ListOf(Interaction))},
    )
    async def get_timeline(
        customer_id: UUID,
        order: Annotated[Literal["asc", "desc"], Query(description="Oldest or newest first.")] = "asc",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: str | None = None,
        total: bool = False,
    ) -> Response:
        after = _position(cursor) if cursor else None
        async with database.connection() as connection:
            _, profile = await find(connection, str(customer_id))
            references = list(profile.references)
            archive = store(connection)
            bodies = await archive.list_timeline(references, after=after, backwards=order == "desc", limit=limit + 1)
            count = await archive.count_timeline(references) if total else None
        items = [_DECODE_INTERACTION(body) for body in bodies[:limit]]
        last = items[-1] if len(bodies) > limit else None
        following = encode_cursor(last.time.isoformat(), last.source, last.id, last.subject) if last else None
        return _answer(page(items, following, count))

    return router


class Kept(Interaction, frozen=True, kw_only=True):
    """An interaction in the archive, and whose it is now."""

    customer_id: str


def interaction_routes(database: Database, store: Callable[[Connection], Shelf]) -> APIRouter:
    """The routes of /v1/interactions, for operators."""
    router = APIRouter(
        prefix="/v1/interactions", tags=["interactions"], dependencies=[Depends(requires("admin"))], responses=PROBLEMS
    )

    @router.get("", summary="Interactions that have an id", responses=schema_response(ListOf(Kept)))
    async def find(
        id: Annotated[str, Query(description="As its source gave it.", max_length=300, min_length=1)],
        source: Annotated[str | None, Query(max_length=300, min_length=1)] = None,
        reference: Annotated[
            str | None,
            Query(description="Without it all are looked through.", max_length=300, min_length=1),
        ] = None,
    ) -> Response:
        try:
            async with database.connection() as connection:
                found = await store(connection).find_interactions(id, source=source, reference=reference)
        except TimeoutError:
            raise ApiError(
                503, "give_reference", "There are too many interactions to look through: give the reference as well."
            ) from None
        items = [
            {**msgspec.to_builtins(_DECODE_INTERACTION(body)), "customer_id": customer_id}
            for body, customer_id in found
        ]
        return _answer(page(items, None))

    return router


def _position(cursor: str) -> tuple[datetime, str, str, str]:
    time, source, identity, reference = decode_cursor(cursor, str, str, str, str)
    try:
        return datetime.fromisoformat(time), source, identity, reference
    except ValueError:
        raise ApiError(422, "bad_cursor", "The cursor is not one that this list gave.", field="cursor") from None


def _item(version: int, profile: Profile) -> dict[str, Any]:
    return {**msgspec.structs.asdict(profile), "version": version}


def _answer(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
