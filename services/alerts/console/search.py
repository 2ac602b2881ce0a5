"""What somebody searches for: filters of alerts, and customers of a name, whom only profiles knows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec
from fastapi import Request

from services.alerts.console.desk import Desk
from services.alerts.console.filters import Filters, filters_of
from services.alerts.console.neighbours import Question, Unanswered
from services.alerts.console.sessions import Session

MOST_NAMED = 100


class _Named(msgspec.Struct):
    customer_id: UUID


class _Page(msgspec.Struct):
    items: tuple[_Named, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The list somebody wants. `unsearched` is a code for why not all names were looked at."""

    filters: Filters
    cursor: str | None = None
    unsearched: str | None = None


async def wanted(desk: Desk, request: Request, session: Session, query: Mapping[str, str]) -> Wanted:
    """The filters an address asks for, with the customers whose name it gives.

    Names are personal data, so alerts has none: profiles is asked, with the key of this session. When it does not
    answer, references are searched all the same.
    """
    filters, cursor = filters_of(query), query.get("cursor")
    if filters.q is None or not could_be_a_name(filters.q):
        return Wanted(filters, cursor)
    question = Question("profiles", "/v1/customers", {"name": filters.q, "limit": str(MOST_NAMED + 1)})
    found = await desk.ask(request, session, question, _Page)
    if isinstance(found, Unanswered):
        return Wanted(filters, cursor, found.why)
    named = frozenset(str(one.customer_id) for one in found.items[:MOST_NAMED])
    return Wanted(replace(filters, named=named), cursor, "too_many" if len(found.items) > MOST_NAMED else None)


def could_be_a_name(text: str) -> bool:
    """Whether it is worth asking: it has a letter, and is neither a reference nor an id."""
    if ":" in text or not any(letter.isalpha() for letter in text):
        return False
    try:
        UUID(text)
    except ValueError:
        return True
    return False
