"""The archive over HTTP: one customer, its timeline, look-up by reference."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from services.profiles.domain.archive import Shelf
from services.profiles.domain.names import NameIndex
from shared.contracts import Interaction, Profile, Snapshot
from shared.http import ApiError, PageRequest, bad_cursor, cut, decode_cursor, instant_of, page, requires
from shared.http.problems import PROBLEMS, Problem
from shared.http.schemas import ListOf, schema_response
from shared.postgres import Connection, Database

_DECODE_PROFILE = msgspec.json.Decoder(Snapshot[Profile]).decode
_DECODE_INTERACTION = msgspec.json.Decoder(Interaction).decode
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such customer"}}


Reader = Depends(requires("customers:read"))
_VERSION = {"version": 1769774400000000}


class Shown(Profile, frozen=True, kw_only=True):
    """A profile, with the version of its snapshot on profiles.v1."""

    version: int


class TimelineRequest(PageRequest):
    """Which part of a timeline is wanted."""

    order: Literal["asc", "desc"] = Field("asc", description="Oldest or newest first.", examples=["desc"])


def routes(database: Database, store: Callable[[Connection], Shelf], names: NameIndex) -> APIRouter:
    """The routes of /v1/customers."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[Reader], responses=PROBLEMS)

    async def find(connection: Connection, customer_id: str) -> tuple[int, Profile]:
        found = await store(connection).get_customer(customer_id)
        if found is None:
            raise ApiError(404, "no_customer", "No customer has this id.", field="customer_id")
        version, snapshot = found
        return version, _DECODE_PROFILE(snapshot).data

    @router.get(
        "",
        summary="Customers that have a reference, or a name",
        responses=schema_response(ListOf(Shown), example=_VERSION),
    )
    async def look_up(
        reference: Annotated[
            str | None, Query(description="A reference, `namespace:value`.", max_length=300, examples=["shop:4711"])
        ] = None,
        name: Annotated[
            str | None,
            Query(description="Words of a name or how they begin, in any order.", max_length=200, examples=["ada br"]),
        ] = None,
        limit: Annotated[int, Query(description="Of a name: most customers.", ge=1, le=200, examples=[20])] = 20,
    ) -> Response:
        if (reference is None) is (name is None):
            raise ApiError(422, "give_one", "Give either `reference` or `name`.", field="name" if name else "reference")
        async with database.connection() as connection:
            if name is not None:
                tokens = names.tokens_for(name)
                found = await store(connection).list_customers_named(tokens, limit) if tokens else []
                items = [_item(version, _DECODE_PROFILE(snapshot).data) for version, snapshot in found]
            else:
                customer_id = await store(connection).get_customer_id(reference or "")
                items = [_item(*await find(connection, customer_id))] if customer_id else []
        return _answer(page(items, None))

    @router.get(
        "/{customer_id}",
        summary="One customer: references, classes, aggregates, history",
        responses={**_NOT_FOUND, **schema_response(Shown, example=_VERSION)},
    )
    async def get_customer(customer_id: UUID) -> Response:
        async with database.connection() as connection:
            return _answer(_item(*await find(connection, str(customer_id))))

    @router.get(
        "/{customer_id}/timeline",
        summary="Everything that happened to a customer, in order",
        responses={**_NOT_FOUND, **schema_response(ListOf(Interaction))},
    )
    async def get_timeline(customer_id: UUID, wanted: Annotated[TimelineRequest, Query()]) -> Response:
        after = _position(wanted.cursor) if wanted.cursor else None
        limit, backwards = wanted.limit, wanted.order == "desc"
        async with database.connection() as connection:
            _, profile = await find(connection, str(customer_id))
            references = list(profile.references)
            archive = store(connection)
            bodies = await archive.list_timeline(references, after=after, backwards=backwards, limit=limit + 1)
            count = await archive.count_timeline(references) if wanted.total else None
        found = [_DECODE_INTERACTION(body) for body in bodies]
        items, following = cut(found, limit, lambda one: (one.time.isoformat(), one.source, one.id, one.subject))
        return _answer(page(items, following, count))

    return router


_WHOSE = {"customer_id": "2c1f4d3e-95f1-5d34-8a55-9a1d2f6f0a11"}


class Kept(Interaction, frozen=True, kw_only=True):
    """An interaction in the archive, and whose it is now."""

    customer_id: str


def interaction_routes(database: Database, store: Callable[[Connection], Shelf]) -> APIRouter:
    """The routes of /v1/interactions, for operators."""
    router = APIRouter(
        prefix="/v1/interactions", tags=["interactions"], dependencies=[Depends(requires("admin"))], responses=PROBLEMS
    )

    @router.get("", summary="Interactions that have an id", responses=schema_response(ListOf(Kept), example=_WHOSE))
    async def find(
        id: Annotated[
            str, Query(description="As its source gave it.", max_length=300, min_length=1, examples=["order-1001"])
        ],
        source: Annotated[
            str | None,
            Query(description="Of this source only.", max_length=300, min_length=1, examples=["shop/checkout"]),
        ] = None,
        reference: Annotated[
            str | None,
            Query(
                description="Without it all are looked through.", max_length=300, min_length=1, examples=["shop:4711"]
            ),
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
        return instant_of(time), source, identity, reference
    except ValueError:
        raise bad_cursor() from None


def _item(version: int, profile: Profile) -> dict[str, Any]:
    return {**msgspec.structs.asdict(profile), "version": version}


def _answer(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
