"""The mailbox's two pages. Everything that came by mail is escaped; of its text only web addresses become links."""

import re
from collections.abc import Sequence
from typing import Protocol

from jinja2 import Environment
from markupsafe import Markup, escape

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:)\]]")

_LAYOUT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2733 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem .35rem 0 }
tr + tr { border-top: 1px solid #dde3ea } pre { white-space: pre-wrap; background: #f5f7f9; padding: 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dd { margin: 0 } dt { color: #5a6b7d }
</style>
<body>{{ content }}</body></html>"""

_LIST = """<h1>Mailbox</h1>
{% if mails %}<p>{{ total }} message{{ "" if total == 1 else "s" }}{% if total > mails|length %}, the newest
{{ mails|length }} shown{% endif %}. Nothing here has left this machine.</p>
<table><tr><th>Subject</th><th>To</th><th>Date</th></tr>
{% for mail in mails %}<tr><td><a href="/messages/{{ mail.mail_id }}">{{ mail.subject }}</a></td>
<td>{{ mail.recipient }}</td><td>{{ mail.date }}</td></tr>
{% endfor %}</table>
{% else %}<p>No mail has arrived yet. Reload this page to look again.</p>{% endif %}"""

_MESSAGE = """<p><a href="/">All messages</a></p><h1>{{ mail.subject }}</h1>
<dl><dt>From</dt><dd>{{ mail.sender }}</dd><dt>To</dt><dd>{{ mail.recipient }}</dd>
<dt>Date</dt><dd>{{ mail.date }}</dd></dl>
<pre>{{ text }}</pre><p><a href="/messages/{{ mail.mail_id }}/raw">Raw message</a></p>"""


class Shown(Protocol):
    """What the pages show of a message."""

    @property
    def mail_id(self) -> str: ...

    @property
    def sender(self) -> str: ...

    @property
    def recipient(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def date(self) -> str: ...


def render_list(mails: Sequence[Shown], *, total: int) -> str:
    """The list, in the order given."""
    return _page("Mailbox", _LIST, mails=mails, total=total)


def render_message(mail: Shown, text: str) -> str:
    """One message with its text."""
    return _page(mail.subject, _MESSAGE, mail=mail, text=_linked(text))


def _page(title: str, template: str, **values: object) -> str:
    environment = Environment(autoescape=True)
    content = Markup(environment.from_string(template).render(**values))  # noqa: S704 - just escaped by the template
    return environment.from_string(_LAYOUT).render(title=title, content=content)


def _linked(text: str) -> Markup:
    """Escaped text in which web addresses can be clicked."""
    parts: list[Markup] = []
    end = 0
    for match in _LINK.finditer(text):
        address = match.group()
        parts += [escape(text[end : match.start()]), Markup('<a rel="noreferrer" href="{0}">{0}</a>').format(address)]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])
