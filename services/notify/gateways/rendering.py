"""Templates to texts, in a sandbox. A template that asks for what is not there is an error, never a blank."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notify.domain.locales import ENGLISH, LOCALES

TEMPLATES = Path(__file__).parent.parent / "templates"
MAX_CHARACTERS = 64 * 1024


class RenderingError(Exception):
    """The letter cannot be written; the text names the template, never what was to be filled in."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered message: plain text and the same as HTML."""

    subject: str
    text: str
    html: str


class Renderer:
    """Renders letters and pages in the languages of `LOCALES`; an unknown locale is English."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=lambda name: name is None or name.endswith(".html"),
            keep_trailing_newline=False,
            auto_reload=False,
        )

    def letter(self, template: str, locale: str, values: Mapping[str, Any]) -> Letter:
        """Subject, text and HTML of one template. Raises RenderingError; the subject is a single line or refused."""
        subject = self._render(f"{template}.subject", locale, values)
        if any(character in subject for character in "\r\n\0"):
            raise RenderingError(f"template {template}: the subject has more than one line")
        return Letter(
            subject, self._render(f"{template}.txt", locale, values), self._render(f"{template}.html", locale, values)
        )

    def page(self, template: str, locale: str) -> str:
        """A page for a browser."""
        return self._render(f"{template}.html", locale, {})

    def _render(self, name: str, locale: str, values: Mapping[str, Any]) -> str:
        path = f"{locale if locale in LOCALES else ENGLISH}/{name}"
        try:
            text = self._environment.get_template(path).render(dict(values))
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderingError(f"template {path}: {type(error).__name__}") from None
        if len(text) > MAX_CHARACTERS:
            raise RenderingError(f"template {path}: longer than {MAX_CHARACTERS} characters")
        return text
