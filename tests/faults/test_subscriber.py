"""What a subscriber was told is held against what happened, and each planted difference is found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.faults.subscriber import compare_told
from tests.support.providers.web import Request

ENDED = datetime(2026, 6, 8, 12, tzinfo=UTC)
BEGAN = ENDED - timedelta(hours=1)
DAY = timedelta(days=1)


def act(kind: str, days_ago: float, taken_over_from: str | None = None) -> dict[str, Any]:
    return {"act": kind, "at": (ENDED - days_ago * DAY).isoformat(), "taken_over_from": taken_over_from}


ALERTS: dict[str, dict[str, Any]] = {
    "a": {"history": [act("fired", 3), act("resolved", 2)]},
    "b": {"history": [act("fired", 5), act("retracted", 1)]},
    "c": {"history": [act("fired", 5, "b"), act("amended", 1)]},
    "old": {"history": [act("fired", 9)]},
    "aged": {"history": [act("fired", 7.01)]},
}
TOLD = [("a", "fired", 3), ("a", "resolved", 2), ("b", "fired", 5), ("b", "retracted", 1), ("c", "amended", 1)]


def request(number: int, alert_id: str, kind: str, days_ago: float, more: str = "") -> Request:
    at = (ENDED - days_ago * DAY).isoformat()
    body = {"type": f"alert.{kind}", "timestamp": at, "data": {"alert_id": alert_id, "more": more}}
    return Request("/alerts", {"webhook-id": str(number)}, msgspec.json.encode(body))


HEARD = [request(number, *one) for number, one in enumerate(TOLD)]


def found(requests: list[Request]) -> list[str]:
    return [one.kind for one in compare_told(ALERTS, requests, began=BEGAN, ended=ENDED)]


def test_nothing_is_found_where_everything_was_told() -> None:
    assert found(HEARD) == []


def test_the_same_may_come_again_under_its_id() -> None:
    assert found([*HEARD, *HEARD]) == []


def test_what_became_old_meanwhile_may_be_told_or_not() -> None:
    assert found([*HEARD, request(9, "aged", "fired", 7.01)]) == []


def test_what_was_not_told_is_missing() -> None:
    for number in range(len(HEARD)):
        assert found([one for one in HEARD if one.id != str(number)]) == ["missing"]


def test_under_another_id_it_is_told_twice() -> None:
    assert found([*HEARD, request(9, "a", "fired", 3)]) == ["twice"]


def test_in_other_words_it_is_something_else() -> None:
    assert found([*HEARD, request(0, "a", "fired", 3, "changed")]) == ["extra"]


def test_other_words_may_be_allowed_but_not_for_something_else() -> None:
    def found(again: Request) -> list[str]:
        differences = compare_told(ALERTS, [*HEARD, again], began=BEGAN, ended=ENDED, may_reword=True)
        return [one.kind for one in differences]

    assert found(request(0, "a", "fired", 3, "changed")) == []
    assert found(request(0, "a", "resolved", 2)) == ["extra"]


def test_what_never_happened_is_old_news_or_was_taken_over_is_extra() -> None:
    assert found([*HEARD, request(9, "a", "reopened", 1)]) == ["extra"]
    assert found([*HEARD, request(9, "old", "fired", 9)]) == ["extra"]
    assert found([*HEARD, request(9, "c", "fired", 5)]) == ["extra"]
