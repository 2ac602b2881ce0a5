"""Letters in both languages, with headers that cannot be forged."""

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from services.notify.domain.letters import customer_letter, in_zone, one_line, staff_letter
from services.notify.domain.locales import LOCALES
from services.notify.gateways.messages import Sender, compose, sender_from
from services.notify.gateways.rendering import TEMPLATES, Letter, Renderer, RenderingError
from shared.errors import ConfigurationError

from .values import ADA, CUSTOMER, LIN, NOW, cause, contact, notification

RENDERER = Renderer()
SENDER = Sender("Corner Shop", "hello@shop.example")
URL = "https://shop.example/v1/unsubscribe/token"


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_every_template_exists_in_every_language() -> None:
    """Nobody gets a letter in another language because one file is missing."""
    names = [{path.name for path in (TEMPLATES / locale).iterdir()} for locale in LOCALES]
    assert names[0] == names[1]
    assert len(names[0]) == 20


@pytest.mark.parametrize(("member", "said"), [(ADA, "needs you"), (LIN, "需要您的关注")])
@pytest.mark.parametrize("template", ["owner_fired", "owner_closed"])
def test_a_staff_letter_names_customer_rule_and_dates_in_the_readers_zone(
    template: str, member: object, said: str
) -> None:
    """The instant is the same, the clock on the wall is not."""
    assert member in (ADA, LIN)
    reader = ADA if member is ADA else LIN
    values = staff_letter(notification(), cause(condition="retracted", closed_at=NOW), contact(), reader)
    letter = RENDERER.letter(template, reader.locale, values)
    for text in (letter.text, letter.html):
        assert "Jo Miller" in text
        assert "no-purchase-90d" in text
        assert "2026-02-28 13:00 Europe/Berlin" in text or "2026-02-28 20:00 Asia/Shanghai" in text
    if template == "owner_fired":
        assert said in letter.text


@pytest.mark.parametrize("template", ["standstill_fired", "standstill_closed"])
def test_a_letter_about_ebbtide_itself_names_no_customer(template: str) -> None:
    """In both languages it says since when, and what to do."""
    for reader in (ADA, LIN):
        values = staff_letter(notification(), cause(closed_at=NOW), None, reader)
        letter = RENDERER.letter(template, reader.locale, values)
        for text in (letter.text, letter.html):
            assert CUSTOMER not in text
            assert "2026-02-28 13:00 Europe/Berlin" in text or "2026-02-28 20:00 Asia/Shanghai" in text
        assert template == "standstill_closed" or "ebbtide doctor" in letter.text


@pytest.mark.parametrize(("locale", "said"), [("en", "it has been a while"), ("zh-CN", "好久不见")])
def test_a_win_back_says_nothing_of_rules_and_holds_the_way_out(locale: str, said: str) -> None:
    """What a customer reads."""
    letter = RENDERER.letter(
        "win_back", locale, customer_letter(cause(), contact(), company="Corner Shop", unsubscribe_url=URL)
    )
    assert said in letter.text
    assert URL in letter.text
    assert URL in letter.html
    assert "no-purchase" not in letter.text + letter.html + letter.subject
    assert "2025-11-30" in letter.text


def test_a_missing_value_is_an_error_and_not_a_blank() -> None:
    """StrictUndefined."""
    values = staff_letter(notification(), cause(), contact(), ADA)
    del values["since"]
    with pytest.raises(RenderingError, match="owner_fired"):
        RENDERER.letter("owner_fired", "en", values)


def test_names_are_escaped_in_html_and_made_one_line() -> None:
    """Names come from outside."""
    values = staff_letter(notification(), cause(), contact(name="<b>x</b>\r\nBcc: everybody"), ADA)
    letter = RENDERER.letter("owner_fired", "en", values)
    assert "<b>x" not in letter.html
    assert "&lt;b&gt;x&lt;/b&gt; Bcc: everybody" in letter.html
    assert one_line("a\r\nb\x00\u2028c" + "d" * 200) == "a b c" + "d" * 95


@pytest.mark.parametrize(
    "source", ["{{ ''.__class__.__mro__ }}", "{{ values.append(1) }}", "{% for x in range(10**9) %}{% endfor %}"]
)
def test_templates_cannot_leave_their_sandbox(tmp_path: Path, source: str) -> None:
    """No attributes of Python, no mutation, no bomb."""
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "evil.html").write_text(source)
    with pytest.raises(RenderingError):
        Renderer(tmp_path).page("evil", "en")


def test_a_message_to_a_customer_can_be_unsubscribed_with_one_click() -> None:
    """RFC 8058, a stable Message-ID, and no answer from automatons wanted."""
    raw = compose(
        Letter("再见", "文本\n", "<p>文本</p>"),
        sender=SENDER,
        to="jo@example.com",
        notification_id="33333333-3333-5333-8333-333333333333",
        now=NOW,
        unsubscribe_url="https://shop.example/v1/unsubscribe/" + "x" * 64,
    )
    message = read(raw)
    assert message["List-Unsubscribe"] == f"<https://shop.example/v1/unsubscribe/{'x' * 64}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Message-ID"] == "<33333333-3333-5333-8333-333333333333@shop.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "再见"
    assert message["From"] == "Corner Shop <hello@shop.example>"
    assert text_of(message).strip() == "文本"
    assert "文本" in text_of(message, "html")
    assert raw.isascii()
    assert all(len(line) < 998 for line in raw.split(b"\r\n"))


def test_line_breaks_in_headers_are_refused() -> None:
    """In the subject, the address and the sender."""
    for subject, to in (("a\r\nBcc: b@c.example", "jo@example.com"), ("a", "jo@example.com\nBcc: b@c.example")):
        with pytest.raises(ValueError, match="line break"):
            compose(Letter(subject, "", ""), sender=SENDER, to=to, notification_id="x", now=NOW)
    with pytest.raises(ConfigurationError):
        sender_from("Shop\r\nBcc: x <hello@shop.example>")


def test_an_unknown_zone_is_utc_and_says_so() -> None:
    """Never a wrong clock."""
    instant = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert in_zone(instant, "Asia/Shanghai") == "2026-07-02 07:30 Asia/Shanghai"
    assert in_zone(instant, "Mars/Olympus") == "2026-07-01 23:30 UTC"
    assert in_zone(instant, "../etc/passwd") == "2026-07-01 23:30 UTC"
    assert in_zone(instant, None) == "2026-07-01 23:30 UTC"


@pytest.mark.parametrize(
    ("locale", "reason", "said"),
    [
        ("en", "failing", "has not taken a single event for more than a day"),
        ("en", "gone", "it is gone for good (410)"),
        ("en", "access_lost", "Chat Bot no longer has a key"),
        ("zh-CN", "failing", "已超过一天没有成功接收任何事件"),
        ("zh-CN", "gone", "已永久失效（410）"),
        ("zh-CN", "access_lost", "Chat Bot 不再拥有可以读取其所订阅内容的密钥"),
    ],
)
def test_a_disabled_webhook_is_explained_in_both_languages(locale: str, reason: str, said: str) -> None:
    """Which one, whose, since when, why, and how to enable it again."""
    values = {
        "staff_name": "Ada",
        "webhook_id": "w-1",
        "host": "hooks.example.com",
        "principal": "Chat Bot",
        "description": "Alerts <b>into</b> the chat",
        "reason": reason,
        "disabled_at": "2026-03-01 13:00 Europe/Berlin",
    }
    letter = RENDERER.letter("webhook_disabled", locale, values)
    assert "hooks.example.com" in letter.subject
    for text in (letter.text, letter.html):
        assert said in text
        assert "PATCH /v1/webhooks/w-1" in text
        assert "2026-03-01 13:00 Europe/Berlin" in text
    assert "&lt;b&gt;" in letter.html
