"""What the live page says: complete in every language, and one sentence for everything an alert can be."""

import re
from datetime import timedelta
from string import Formatter
from typing import Any, get_args, get_type_hints

import pytest

from services.alerts.console import rendering
from services.alerts.console.filters import CONDITIONS, HANDLINGS, SEVERITIES
from services.alerts.console.neighbours import Why
from services.alerts.console.panels import PANELS
from services.alerts.console.sentences import age, clock_time, evidence_sentence, handling_sentence
from services.alerts.console.texts import LOCALES, load_texts, preferred_locale
from services.alerts.console.viewer import local_instant, zone_of
from services.alerts.domain import decide, entities, lifecycle
from services.ingest.domain.vocabulary import VOCABULARY
from services.notify.domain.reasons import Reason
from services.scoring.domain.scores import KINDS
from shared.contracts import Notification, profile
from tests.support.builders import day
from tests.unit.alerts.rows import NOW, acted, alert

TEXTS = load_texts()
REOPENED = entities.Act("reopened", day(99), "ebbtide", "promise_passed")
# Their keys end in a code.
GROUPS = {"severity", "condition", "handling", "act", "outcome", "refusal", "reason", "span", "done", "tier", "help"}
GROUPS |= {"score", "band", "error", "reopened", "age", "unsearched", "unanswered", "panel", "record", "lifecycle"}
GROUPS |= {"behaviour", "channel", "purpose", "scale", "why_not", "factor", "because", "did", "transition"}
GROUPS |= {"told_status", "untold"}


def test_every_language_has_the_same_texts_with_the_same_blanks() -> None:
    english, *others = (TEXTS[locale].entries for locale in LOCALES)
    for other in others:
        assert other.keys() == english.keys()
        for key, text in english.items():
            assert blanks(text) == blanks(other[key]), key
            assert other[key].strip() == other[key] != ""


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("severity", get_args(entities.Severity)),
        ("condition", get_args(entities.Condition)),
        ("handling", get_args(entities.Handling)),
        ("act", get_args(entities.Happening)),
        ("outcome", get_args(entities.AlertOutcome)),
        ("refusal", (*get_args(lifecycle.Refused), "not_found")),
        ("reason", (*get_args(decide.Reason), "by_hand", "promise_passed", "snooze_over")),
        ("condition", CONDITIONS),
        ("handling", HANDLINGS),
        ("severity", SEVERITIES),
        ("span", tuple(rendering.SPANS)),
        ("done", ("acknowledge", "snooze", "resolve", "comment")),
        ("panel", tuple(PANELS)),
        ("unanswered", get_args(Why)),
        ("unsearched", (*get_args(Why), "too_many")),
        ("lifecycle", get_args(profile.Lifecycle)),
        ("did", tuple(name.removeprefix("customer.") for name in VOCABULARY)),
        ("score", tuple(KINDS)),
        ("untold", tuple(Reason)),
        ("told_status", get_args(get_type_hints(Notification)["status"])),
        ("transition", get_args(get_type_hints(Notification)["transition"])),
    ],
)
def test_every_code_has_a_word(group: str, codes: tuple[str, ...]) -> None:
    for texts in TEXTS.values():
        assert {f"{group}.{code}" for code in codes} <= texts.entries.keys()


def test_the_module_of_the_page_has_every_text_it_says() -> None:
    source = (rendering.FOLDER / "static" / "console.js").read_text(encoding="utf-8")
    said = set(re.findall(r'"((?:act|age|live|error)\.[a-z_]+)"', source))
    assert {"act.of_one", "live.on", "error.failed"} <= said <= TEXTS["en"].of_script.keys()
    assert set(re.findall(r"say\(`([a-z]+)\.", source)) == {"act", "age"}


def test_no_text_is_there_that_nothing_shows() -> None:
    """Keys stand in templates and code as they are, or behind a group."""
    folder = rendering.FOLDER
    files = [*folder.glob("*.py"), *folder.glob("templates/*"), *folder.glob("static/*.js")]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    unused = [key for key in TEXTS["en"].entries if key.partition(".")[0] not in GROUPS and f'"{key}"' not in source]
    assert unused == []
    used = set(re.findall(r'\b(?:t|say|texts)\(\s*"([a-z_.]+)"', source))
    assert {key for key in used if not key.endswith(".")} <= TEXTS["en"].entries.keys()


@pytest.mark.parametrize(
    ("facts", "english", "chinese"),
    [
        (
            {"absent": "customer.purchase", "days": 90, "ordinal": 3},
            "No purchase for more than 90 days after 2026-01-01 (purchase days until then: 3).",
            "自 2026-01-01 起超过 90 天没有购买（截至当日共 3 个购买日）。",
        ),
        (
            {"absent": "customer.purchase", "days": 7.5},
            "No purchase for more than 7.5 days after 2026-01-01.",
            "自 2026-01-01 起超过 7.5 天没有购买。",
        ),
        (
            {"absent": "activity", "days": 30},
            "No activity of any kind for more than 30 days after 2026-01-01.",
            "自 2026-01-01 起超过 30 天没有任何活动。",
        ),
        (
            {"score": "churn_risk", "band": "high"},
            "Churn risk has been high since 2026-01-01.",
            "流失风险自 2026-01-01 起处于高水平。",
        ),
        ({"score": "mood", "band": "odd"}, "mood has been odd since 2026-01-01.", "mood自 2026-01-01 起处于odd水平。"),
        ({"event": "customer.complaint.opened"}, "Complained on 2026-01-01.", "客户于 2026-01-01 投诉。"),
        (
            {"event": "customer.complaint.opened", "case": "C-1"},
            "Complained on 2026-01-01, case C-1.",
            "客户于 2026-01-01 投诉，工单 C-1。",
        ),
        ({"b": 2, "a": "x"}, "Since 2026-01-01: a x, b 2.", "自 2026-01-01 起：a x, b 2。"),
    ],
)
def test_evidence_is_a_sentence(facts: dict[str, Any], english: str, chinese: str) -> None:
    said = [evidence_sentence(alert(facts=facts), TEXTS[locale], zone_of("UTC")) for locale in LOCALES]
    assert said == [english, chinese]


def test_dates_are_those_of_the_viewer() -> None:
    one = alert(facts={"event": "customer.complaint.opened"})
    assert "2025-12-31" in evidence_sentence(one, TEXTS["en"], zone_of("America/New_York"))
    assert zone_of("Nowhere/At all").key == zone_of("../../etc").key == "UTC"
    assert clock_time(day(100.5), NOW, zone_of("UTC")) == "12:00"
    assert clock_time(day(101.5), NOW, zone_of("Asia/Shanghai")) == "2026-04-12 20:00"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Open"),
        ({"handling": "acknowledged"}, "Ann sees to it until 12:00"),
        ({"handling": "snoozed"}, "Snoozed by Ann until 12:00"),
        ({"handling": "closed"}, "Closed by Ann"),
        ({"condition": "resolved", "handling": "closed"}, "Resolved"),
        ({"history": (REOPENED,)}, "Open again, the promise was"),
        ({"history": (REOPENED, acted("commented"))}, "Open again, the promise was"),
        ({"handling": "acknowledged", "history": (acted("acknowledged"), acted("commented"))}, "Ann sees to it until"),
    ],
)
def test_handling_is_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    one = alert(**{"history": (acted("acknowledged"),), **changes})
    assert handling_sentence(one, TEXTS["en"], by="Ann", until="12:00").startswith(sentence)


def test_age_is_told_in_the_largest_unit() -> None:
    spans = [timedelta(seconds=59), timedelta(minutes=61), timedelta(hours=47), timedelta(days=-1)]
    assert [age(span, TEXTS["en"]) for span in spans] == ["now", "1h", "1d", "now"]
    assert age(timedelta(minutes=5), TEXTS["zh-CN"]) == "5分钟"


@pytest.mark.parametrize(
    ("chosen", "accepted", "locale"),
    [
        (None, "", "en"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        (None, "de,en;q=0.5,zh;q=0.4", "en"),
        (None, "zh;q=x, en;q=0.1", "en"),
        ("en", "zh-CN", "en"),
        ("zh-CN", "en", "zh-CN"),
        ("fr", "zh", "zh-CN"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_one_the_browser_likes(chosen: str, accepted: str, locale: str) -> None:
    assert preferred_locale(chosen, accepted) == locale


def test_a_time_without_a_zone_is_one_of_the_viewer() -> None:
    assert local_instant("2026-04-11T08:00", zone_of("Asia/Shanghai")) == day(100)
    for bad in ("", "soon", "2026-04-11T08:00Z", "0001-01-01T00:00"):
        assert local_instant(bad, zone_of("Asia/Shanghai")) is None
