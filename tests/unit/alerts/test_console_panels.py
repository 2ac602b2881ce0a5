"""What other services say of a customer: in words, escaped, and readable whatever a later version adds."""

from typing import Any

import msgspec
import pytest

from services.alerts.console import answers
from services.alerts.console.neighbours import Why
from services.alerts.console.panels import PANELS
from services.alerts.console.rendering import Renderer
from services.alerts.console.search import could_be_a_name
from services.alerts.console.sessions import Session, Sessions, seal_key
from services.alerts.console.viewer import Viewer
from shared.access import Directory
from shared.contracts import Interaction, KindScore, Notification, Principal, Profile, Score
from shared.contracts.profile import Aggregates
from shared.postgres import Database
from tests.unit.alerts.rows import viewer
from tests.unit.alerts.test_console_pages import HOSTILE, Markup

RENDERER = Renderer({"p1": "Ann"}.get)
CORPUS = (
    HOSTILE,
    "</section><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    '"><script src=//evil.example></script>',
    "&lt;script&gt;",
    "' autofocus onfocus='x",
)
AT = "2026-04-10T08:00:00Z"


def body(name: str, said: str) -> dict[str, Any]:
    """What a service answers when whoever wrote it put `said` wherever they could."""
    customer = "00000000-0000-5000-8000-000000000001"
    if name == "record":
        named = {field: {"value": said, "source": said, "time": AT} for field in ("name", "email", "phone", said)}
        return {
            "customer_id": customer, "lifecycle": said, "lifecycle_since": AT, "value_tier": said, "behaviour": said,
            "segments": [said], "locale": said, "zone": said, "owner": {"staff_id": said, "since": AT},
            "consent": {said: {"granted": True, "source": said, "time": AT}}, "references": [said],
            "attributes": {said: {"value": said, "source": said, "time": AT}},
            "aggregates": {"purchases": 1, "last_purchase_at": AT, "spend": {said: said}, "open_complaints": 1},
            "pii": {"alg": "none", "value": named},
        }  # fmt: skip
    if name == "timeline":
        pii = {"alg": "none", "value": {"text": said, "note": said}}
        data = {"amount": said, "currency": said, "channel": said, "case": said}
        return {"items": [{"type": said, "source": said, "time": AT, "data": data, "pii": pii}], "next_cursor": said}
    if name == "scores":
        parts = [{"factor": said, "points": points, "evidence": f"{said}={said}"} for points in (10.0, -2.0)]
        kind = {"value": 8.0, "scale": said, "band": said, "contributions": parts}
        return {"customer_id": customer, "kinds": {said: kind, "x": {"value": None, "reason": said, "scale": "days"}}}
    told = {"alert_id": said, "transition": said, "recipient": f"staff:{said}", "channel": said, "status": said}
    return {"items": [{**told, "cause_at": AT, "reason": said, "held_until": AT}], "next_cursor": None}


def shown(name: str, answer: Any, who: Viewer) -> str:
    read = msgspec.json.decode(msgspec.json.encode(answer), type=PANELS[name].kind)
    return RENDERER.page("panel.html", who, name=name, address="/x", why=None, **PANELS[name].words(read, who))


@pytest.mark.parametrize("said", CORPUS)
@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_nothing_that_another_service_says_becomes_markup(name: str, said: str, locale: str) -> None:
    """Names, comments, references, codes of whatever kind."""
    markup = Markup(shown(name, body(name, said), viewer(RENDERER, locale, "admin")))
    allowed = {"section", "h2", "dl", "dt", "dd", "p", "ol", "ul", "li", "b", "time", "blockquote", "span", "div"}
    assert {*markup.tags} <= allowed | {"svg", "rect"}
    assert markup.bad == []
    assert markup.tags.count("section") == 1


def test_a_record_tells_who_the_customer_is() -> None:
    record = {
        "customer_id": "c", "lifecycle": "lapsing", "lifecycle_since": AT, "value_tier": "high", "locale": "de-DE",
        "consent": {"email:marketing": {"granted": False}}, "owner": {"staff_id": "ada", "since": AT},
        "attributes": {"country": {"value": "DE"}, "locale": {"value": "de-DE"}},
        "aggregates": {"purchases": 3, "purchase_days": 2, "last_purchase_at": AT, "spend": {"EUR": "12.50"}},
        "pii": {"value": {"name": {"value": "Ada Brandt"}, "vip": {"value": True}, "raw": {"x": "y"}}},
    }  # fmt: skip
    text = shown("record", record, viewer(RENDERER, "en"))
    for part in ("Ada Brandt", "Lapsing (since 2026-04-10)", "High value", "email (marketing): no", "ada (since"):
        assert part in text
    for part in ("3 on 2 days, last on 2026-04-10", "EUR 12.50", "<dt>Country</dt><dd>DE</dd>"):
        assert part in text
    assert text.count("de-DE") == 1
    assert "姓名</dt><dd>Ada Brandt" in shown("record", record, viewer(RENDERER, "zh-CN"))
    gone = {"customer_id": "c", "status": "merged", "merged_into": "d"}
    assert "Merged into d" in shown("record", gone, viewer(RENDERER, "en"))
    sealed = {**record, "pii": {"alg": "aes", "value": {}}}
    assert "(sealed)" in shown("record", sealed, viewer(RENDERER, "en"))


def test_scores_are_drawn_as_bars_of_their_scale() -> None:
    parts = [
        {"factor": "recency", "points": 57.5, "evidence": "days_since_purchase=130"},
        {"factor": "frequency", "points": 10.0, "evidence": "purchase_days=2"},
    ]
    kinds = {
        "recency": {"value": 130.2, "scale": "days", "contributions": parts[:1]},
        "churn_risk": {"value": 67.5, "scale": "index", "band": "medium", "contributions": parts},
        "monetary": {"value": None, "scale": "money", "reason": "no_purchase"},
    }
    text = shown("scores", {"customer_id": "c", "kinds": kinds}, viewer(RENDERER, "en"))
    assert text.index("Churn risk") < text.index("Last purchase")
    for part in ('width="57.5"', 'width="10.0"', "+57.5", "130 days since the last purchase", "68 of 100", "medium"):
        assert part in text
    assert text.count("<svg") == 2
    assert "no purchase yet" in text


def test_a_timeline_and_notifications_are_told_newest_first_in_words() -> None:
    told = {"alert_id": "a", "transition": "fired", "recipient": "customer:c", "channel": "email", "status": "dropped"}
    text = shown("notifications", {"items": [{**told, "cause_at": AT, "reason": "no_consent"}]}, viewer(RENDERER, "en"))
    assert "<b>Not sent</b> · when it fired · to the customer · email · no consent" in text
    bought = {"type": "customer.purchase", "source": "s", "time": AT, "data": {"amount": "9.90", "currency": "EUR"}}
    text = shown("timeline", {"items": [bought], "next_cursor": "x"}, viewer(RENDERER, "en", zone="Asia/Shanghai"))
    assert "<time>2026-04-10 16:00</time> <b>Purchase</b> · EUR 9.90" in text
    assert "further back" in text
    assert "There is nothing" in shown("timeline", {"items": []}, viewer(RENDERER, "en"))


@pytest.mark.parametrize("why", Why.__args__)  # type: ignore[attr-defined]
def test_a_panel_without_an_answer_says_why(why: str) -> None:
    for locale in RENDERER.texts:
        who = viewer(RENDERER, locale)
        said = who.texts(f"unanswered.{why}", service="scoring", scope="scores:read", setting="SCORING")
        text = RENDERER.page("panel.html", who, name="scores", address="/x", why=said, again=why == "away")
        assert said in text
        assert ("data-again" in text) is (why == "away")


@pytest.mark.parametrize(
    ("part", "contract"),
    [
        (answers.ProfileAnswer, Profile),
        (answers.Sums, Aggregates),
        (answers.Happened, Interaction),
        (answers.ScoresAnswer, Score),
        (answers.Kind, KindScore),
        (answers.Told, Notification),
    ],
)
def test_the_parts_that_are_shown_exist_in_the_contracts(part: Any, contract: Any) -> None:
    """A renamed field must not silently read as absent."""
    assert {*part.__struct_fields__} <= {*contract.__struct_fields__}


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        *[("Ada", True), ("王", True), ("ada brandt", True), ("shop:1", False), ("4711", False), ("?", False)],
        ("00000000-0000-5000-8000-00000000000a", False),
    ],
)
def test_only_what_could_be_a_name_is_asked_for(text: str, worth: bool) -> None:
    assert could_be_a_name(text) is worth


def test_a_key_is_opened_by_its_cookie_and_in_its_session_alone() -> None:
    """Neither what is stored nor a cookie says anything without the other."""
    sessions = Sessions(Database("postgresql://nowhere", application="tests"), Directory())
    who = Principal(principal_id="p1", name="Ann", kind="person")
    sealed = seal_key("ebb_k1_secret", "cookie")
    assert b"secret" not in sealed
    assert sessions.key_of(Session(b"h", "k1", who, sealed), "cookie") == "ebb_k1_secret"
    for session, token in (
        (Session(b"h", "k1", who, sealed), "other"),
        (Session(b"h", "k2", who, sealed), "cookie"),
        (Session(b"h", "k1", who, sealed[:-1]), "cookie"),
        (Session(b"h", "k1", who, None), "cookie"),
    ):
        assert sessions.key_of(session, token) is None
    assert "secret" not in repr(Session(b"h", "k1", who, sealed))
