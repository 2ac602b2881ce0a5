"""What one form of the live page may ask for at once; one more is told in a code what is too much."""

from typing import Any, cast
from uuid import uuid4

import pytest

from services.alerts.console.acting import LONGEST_TEXT, MOST_AT_ONCE, _order
from services.alerts.console.rendering import Renderer
from shared.http.problems import ApiError
from tests.unit.alerts.rows import viewer


class Desk:
    """Of the desk only what names an actor."""

    class acts:
        @staticmethod
        def actor(principal_id: str, **said: Any) -> Any:
            return principal_id, said


WHO = viewer(Renderer({"p1": "Ann"}.get), "en", "admin")


def order(alerts: int, text: str) -> Any:
    fields = [("act", "comment"), ("text", text), *(("alert_id", str(uuid4())) for _ in range(alerts))]
    return _order(cast(Any, Desk()), WHO, fields)


def test_one_more_than_the_cap_is_refused_with_a_code() -> None:
    assert len(order(MOST_AT_ONCE, "x" * LONGEST_TEXT).alert_ids) == MOST_AT_ONCE
    for alerts, text, code in (
        (MOST_AT_ONCE + 1, "x", "too_many_selected"),
        (1, "x" * (LONGEST_TEXT + 1), "text_too_long"),
    ):
        with pytest.raises(ApiError) as refused:
            order(alerts, text)
        assert (refused.value.status, refused.value.code) == (422, code)
