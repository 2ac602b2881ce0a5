"""Pages and pieces of pages: what is shown to whom, and nothing that somebody wrote becomes markup."""

from datetime import date
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl

import pytest

from services.alerts.console.chart import Day, draw
from services.alerts.console.filters import Filters, Place, filters_of, place_of
from services.alerts.console.panels import PANELS
from services.alerts.console.rendering import Renderer
from services.alerts.domain.entities import Sealed
from shared.http.problems import ApiError
from tests.support.builders import day
from tests.unit.alerts.rows import ALERT_ID, NOW, acted, alert, row, viewer

RENDERER = Renderer({"p1": "Ann <b>"}.get)
ADDRESSES = {name: f"/console/alerts/{ALERT_ID}/panels/{name}" for name in PANELS}
HOSTILE = "<script>alert('x')</script>\" onload='x'"


class Markup(HTMLParser):
    """Collects the tags of a page, and what must never be in one of ours."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attributes)
        self.bad += [f"{tag} {name}" for name in named if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not (named.get("src") or "").startswith("/console/static/")):
            self.bad.append(tag)


def page(locale: str = "en", **changes: Any) -> str:
    who = viewer(RENDERER, locale, "alerts:read", "alerts:write")
    values: dict[str, Any] = {
        "rows": [RENDERER.row(row(alert()), who, NOW)],
        "filters": Filters(q=HOSTILE),
        "rule_ids": [HOSTILE],
        "counts": {"warning": 1},
        "horizon": 1,
        "now": NOW,
        "said": HOSTILE,
        "unsearched": HOSTILE,
        "chart": draw([Day(date(2026, 4, 10), 3, 0), Day(date(2026, 4, 11), 0, 1)]),
        "back": Filters(q=HOSTILE).query(),
        "next_cursor": "abc",
        "after": Place("critical", day(3), ALERT_ID),
        "path": "/",
    }
    return RENDERER.page("list.html", who, **{**values, **changes})


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_nothing_that_came_from_outside_becomes_markup(locale: str) -> None:
    said = {"comment": HOSTILE}
    one = alert(
        reference=f"shop:{HOSTILE}",
        owner=HOSTILE,
        rule_id=HOSTILE,
        facts={"event": "customer.complaint.opened", "case": HOSTILE},
        handling="acknowledged",
        handled_until=day(101),
        history=(acted("acknowledged", until=day(101), said=HOSTILE),),
    )
    who = viewer(RENDERER, locale, "admin")
    shown = RENDERER.shown(row(one, tier=HOSTILE, references=(HOSTILE,)), who, NOW)
    story = RENDERER.story(row(one), who, NOW)
    assert story[0]["said"] == said["comment"]
    pages = [
        page(locale, rows=[RENDERER.row(row(one, tier=HOSTILE), who, NOW, HOSTILE)]),
        RENDERER.page(
            "alert.html", who, row=shown, story=story, others=[shown], path="/", now=NOW, addresses=ADDRESSES, panels={}
        ),
        RENDERER.page("sign_in.html", who, next=HOSTILE, said=HOSTILE, path="/console/sign-in"),
        RENDERER.page("error.html", who, said=HOSTILE, status=404),
    ]
    for text in pages:
        markup = Markup(text)
        assert markup.bad == []
        assert markup.tags.count("script") == 1
        assert "<script>alert" not in text


def test_a_row_shows_what_people_decide_by() -> None:
    who = viewer(RENDERER, "en", "alerts:read", "alerts:write")
    one = alert(handling="acknowledged", handled_until=day(101), history=(acted("acknowledged", until=day(101)),))
    text = RENDERER.row(row(one), who, NOW, "Not done.")
    for part in ("Warning", "shop:1", "High value", "No purchase for more than 90 days", "no-purchase-90d", "ann"):
        assert part in text
    for part in ("Ann &lt;b&gt; sees to it until 2026-04-12 00:00", "10d", 'data-version="7"', "Not done."):
        assert part in text


def test_acts_are_offered_to_those_who_may_and_where_they_make_sense() -> None:
    reader, writer = viewer(RENDERER, "en", "alerts:read"), viewer(RENDERER, "en", "alerts:read", "alerts:write")
    assert "data-act" in RENDERER.row(row(alert()), writer, NOW)
    assert "data-act" not in RENDERER.row(row(alert()), reader, NOW)
    for ended in (alert(condition="resolved", handling="closed"), alert(handling="closed")):
        assert "data-act" not in RENDERER.row(row(ended), writer, NOW)
        assert "checkbox" not in RENDERER.row(row(ended), writer, NOW)
    assert 'action="/console/acts"' in page()


def test_what_has_ended_can_still_be_commented() -> None:
    ended = alert(condition="resolved", handling="closed")
    for scopes, offered in ((("alerts:read", "alerts:write"), {"comment"}), (("alerts:read",), set())):
        who = viewer(RENDERER, "en", *scopes)
        shown = RENDERER.shown(row(ended), who, NOW)
        values: dict[str, Any] = {"row": shown, "story": [], "others": [], "path": "/", "now": NOW}
        text = RENDERER.page("alert.html", who, addresses=ADDRESSES, panels={}, **values)
        assert {one for one in ("acknowledge", "resolve", "comment") if f'value="{one}"' in text} == offered


def test_the_chart_says_in_words_and_numbers_what_it_draws() -> None:
    text = page()
    assert "In 30 days 3 alerts fired and 1 ended." in text
    assert "<td>3</td><td>0</td>" in text
    assert "2026-04-11: 0 fired, 1 ended" in text


def test_bars_have_one_scale_and_begin_at_one_line() -> None:
    drawing = draw([Day(date(2026, 4, 10), 6, 0), Day(date(2026, 4, 11), 3, 2)])
    assert (drawing.fired, drawing.ended, drawing.width) == (9, 2, 24)
    assert [(bar.x, bar.up, bar.down) for bar in drawing.bars] == [(0, 42.0, 0.0), (12, 21.0, 14.0)]
    assert drawing.line == 42.0
    assert draw([Day(date(2026, 4, 10), 0, 0)]).line == 0


def test_the_story_names_people_and_hides_what_it_cannot_open() -> None:
    who = viewer(RENDERER, "en", "alerts:read")
    sealed = Sealed({"x": "y"})
    object.__setattr__(sealed, "alg", "later")
    acts = (acted("acknowledged", until=day(101), said="I call"), acted("closed", by="0123456789"))
    acts[1].pii = sealed
    newest, oldest = RENDERER.story(row(alert(history=acts)), who, NOW)
    assert (oldest["by"], oldest["said"], oldest["until"]) == ("Ann <b>", "I call", "2026-04-12 00:00")
    assert (newest["by"], newest["said"]) == ("somebody (01234567)", "(sealed)")


def test_filters_come_from_the_address_and_go_back_into_it() -> None:
    wanted = Filters(handling="snoozed", severity="critical", owner="ann", rule="r", q="shop:1&x")
    assert filters_of(dict(parse_qsl(wanted.query()))) == wanted
    assert Filters().query() == Filters(named=frozenset({"x"})).query() == ""
    assert filters_of(
        {"condition": "on fire", "handling": "x", "severity": "", "owner": " \0", "q": "a\x1fb"}
    ) == Filters(q="ab")
    assert filters_of({"condition": "resolved", "handling": "active"}).handling == "any"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), True),
        (Filters(condition="resolved"), False),
        (Filters(handling="open"), True),
        (Filters(handling="closed"), False),
        (Filters(severity="critical"), False),
        (Filters(owner="ann", rule="no-purchase-90d", severity="warning"), True),
        (Filters(owner="bob"), False),
        (Filters(q="op:1"), True),
        (Filters(q="web:9"), True),
        (Filters(q="web:8"), False),
        (Filters(q=ALERT_ID), True),
        (Filters(q=ALERT_ID[:8]), False),
        (Filters(q="ada", named=frozenset({"00000000-0000-5000-8000-000000000001"})), True),
        (Filters(q="ada", named=frozenset({ALERT_ID})), False),
    ],
)
def test_a_changed_row_belongs_into_the_list_or_not(filters: Filters, found: bool) -> None:
    assert filters.matches(alert(), ("shop:1", "web:9")) is found


def test_a_cursor_is_a_place_and_nothing_else_is() -> None:
    place = Place("warning", day(3), ALERT_ID)
    assert place_of(place.cursor()) == place
    assert place_of(None) is None
    for bad in ("!", "WyJhIiwiYiJd", Place("x", day(3), ALERT_ID).cursor(), Place("info", day(3), "x").cursor()):
        with pytest.raises(ApiError, match="cursor"):
            place_of(bad)
