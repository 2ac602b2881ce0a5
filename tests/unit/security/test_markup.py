"""What others wrote is text on our pages and in our mail: it adds no tag, no attribute and no address to go to."""

from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.alerts.console.chart import Day, draw
from services.alerts.console.filters import Filters, Place
from services.alerts.console.guard import HEADERS
from services.alerts.console.panels import PANELS
from services.alerts.console.rendering import Renderer as Pages
from services.notify.domain.letters import customer_letter, staff_letter
from services.notify.gateways.messages import compose
from services.notify.gateways.rendering import Renderer, RenderingError
from services.notify.http.unsubscribe import _HEADERS as UNSUBSCRIBE_HEADERS
from tests.support.builders import day
from tests.unit.alerts.rows import ALERT_ID, NOW, acted, alert, row, viewer
from tests.unit.notify import values
from tests.unit.notify.test_letters import SENDER, read, text_of

PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</td></tr></table><iframe srcdoc='<script>alert(1)</script>'>",
    "</textarea></title></style></template><script>alert(1)</script>",
    "' autofocus onfocus='alert(1)",
    "\" style=\"position:fixed\" x=\"",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><button formaction=//evil.example>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--", "]]>", "\u2028<b>", "＜script＞", "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
)  # fmt: skip
ADDRESSES = {name: f"/console/alerts/{ALERT_ID}/panels/{name}" for name in PANELS}
_LEADS = frozenset({"href", "src", "action", "formaction", "content", "data-url"})
PAGES = Pages({"p1": "Ann"}.get)


class Skeleton(HTMLParser):
    """The tags of a page with the names of their attributes, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.leads: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attributes)))
        places = [urlsplit(value or "") for name, value in attributes if name in _LEADS]
        self.leads += [(place.scheme, place.netloc) for place in places]


def pages(said: str, locale: str) -> list[str]:
    """A row as it travels in the stream, the list, an alert, signing in, an error: with `said` wherever it may be."""
    who = viewer(PAGES, locale, "admin")
    one = alert(
        reference=f"shop:{said}", owner=said, rule_id=said, facts={"event": "customer.complaint.opened", "case": said},
        handling="acknowledged", handled_until=day(101), history=(acted("acknowledged", until=day(101), said=said),),
    )  # fmt: skip
    shown = PAGES.shown(row(one, tier=said, references=(said,)), who, NOW)
    travelling = PAGES.row(row(one, tier=said), who, NOW, said)
    listed: dict[str, Any] = {
        "rows": [travelling], "filters": Filters(q=said, owner=said, rule=said), "rule_ids": [said],
        "counts": {"warning": 1}, "horizon": 1, "now": NOW, "said": said, "unsearched": said,
        "chart": draw([Day(date(2026, 4, 10), 3, 0)]), "back": Filters(q=said).query(), "next_cursor": "abc",
        "after": Place("critical", day(3), ALERT_ID), "path": "/",
    }  # fmt: skip
    story = PAGES.story(row(one), who, NOW)
    detail = {"row": shown, "story": story, "others": [shown], "path": "/", "now": NOW, "addresses": ADDRESSES}
    return [
        travelling,
        PAGES.page("list.html", who, **listed),
        PAGES.page("alert.html", who, panels={}, **detail),
        PAGES.page("sign_in.html", who, next="/", said=said, path="/console/sign-in"),
        PAGES.page("error.html", who, said=said, status=404),
    ]


def letters(said: str, locale: str) -> list[str]:
    """The HTML of mail to staff and to a customer."""
    customer, cause = values.contact(name=said, reference=f"shop:{said}"), values.cause(facts={said: said})
    letter = staff_letter(values.notification(), cause, customer, values.ADA)
    own = customer_letter(cause, customer, company=said, unsubscribe_url="https://shop.example/v1/unsubscribe/x")
    renderer = Renderer()
    return [renderer.letter("owner_fired", locale, letter).html, renderer.letter("win_back", locale, own).html]


@pytest.mark.parametrize("said", PAYLOADS)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_what_others_wrote_adds_nothing_to_a_page_or_a_mail(said: str, locale: str) -> None:
    """Tag by tag as if they had written nothing but a word."""
    for made in (pages, letters):
        for plain, hostile in zip(made("word", locale), made(said, locale), strict=True):
            assert Skeleton(hostile).tags == Skeleton(plain).tags
            assert Skeleton(hostile).leads == Skeleton(plain).leads


def test_a_browser_runs_nothing_that_is_not_a_file_of_ours() -> None:
    """Should a payload get through all the same."""
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for headers in (HEADERS, UNSUBSCRIBE_HEADERS):
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert UNSUBSCRIBE_HEADERS["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name.__init__.__globals__ }}",
        "{{ name|attr('__class__') }}",
        "{{ '{0.__class__}'|attr('format')(name) }}",
        "{{ '{0.__class__}'.format(name) }}",
        "{{ '{x.__class__}'.format_map({'x': name}) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ get_flashed_messages.__globals__ }}",
        "{{ joiner.__init__.__globals__.os }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../settings.py' %}",
        "{% import 'os' as os %}{{ os.environ }}",
        "{{ names.append(1) }}",
        "{{ names.clear() }}",
        "{% for x in range(10**9) %}{% endfor %}",
        "{{ 'x' * 70000 }}",
        "{{ missing }}",
        "{{ config }}",
    ],
)
def test_a_template_reaches_nothing_but_what_it_was_given(tmp_path: Path, source: str) -> None:
    """Templates come with the release; the sandbox is for the day on which somebody else writes one."""
    (tmp_path / "en").mkdir()
    for suffix in ("html", "txt", "subject"):
        (tmp_path / "en" / f"evil.{suffix}").write_text(source)
    with pytest.raises(RenderingError) as refused:
        Renderer(tmp_path).letter("evil", "en", {"name": "Jo", "names": [("a", "b")]})
    assert "Jo" not in str(refused.value)


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\0", "\u2028", "\x0b", "\x85", "\r\n\r\n"])
def test_a_name_with_line_breaks_adds_no_header(break_: str) -> None:
    """In the subject, which holds the customer's name, and so in everything before the body."""
    said = f"Jo{break_}Bcc: everybody@evil.example{break_}{break_}<p>evil"
    letter = staff_letter(values.notification(), values.cause(), values.contact(name=said), values.ADA)
    rendered = Renderer().letter("owner_fired", "en", letter)
    raw = compose(rendered, sender=SENDER, to="ada@example.com", notification_id="n1", now=values.NOW)
    message = read(raw)
    assert message["Bcc"] is None
    assert "Bcc: everybody" in str(message["Subject"])
    assert sorted(name for name, _ in message.items()) == sorted(name for name, _ in read(plain()).items())
    assert "evil" in text_of(message)


def plain() -> bytes:
    letter = staff_letter(values.notification(), values.cause(), values.contact(), values.ADA)
    rendered = Renderer().letter("owner_fired", "en", letter)
    return compose(rendered, sender=SENDER, to="ada@example.com", notification_id="n1", now=values.NOW)
