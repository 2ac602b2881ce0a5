"""What people read, in their language: one file of texts a language, all with the same keys."""

from collections.abc import Mapping
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "texts"
ENGLISH, CHINESE = "en", "zh-CN"
LOCALES = (ENGLISH, CHINESE)
# Texts that the module of the page says by itself.
SCRIPTED = ("act.", "age.", "live.", "error.failed")


class Texts:
    """The texts of one language."""

    def __init__(self, locale: str, entries: Mapping[str, str]) -> None:
        self.locale = locale
        self.entries = entries
        self.of_script = {key: text for key, text in entries.items() if key.startswith(SCRIPTED)}

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, filled in. An unknown key is a defect and raises KeyError."""
        return self.entries[key].format(**values) if values else self.entries[key]

    def code(self, group: str, code: str) -> str:
        """The word for a code; a code of a later version stands for itself."""
        return self.entries.get(f"{group}.{code}", code)


def load_texts() -> dict[str, Texts]:
    """All languages."""
    return {
        locale: Texts(locale, yaml.safe_load((FOLDER / f"{locale}.yaml").read_text(encoding="utf-8")))
        for locale in LOCALES
    }


def preferred_locale(chosen: str | None, accept_language: str) -> str:
    """The language somebody chose, else the one of ours that their browser likes best."""
    if chosen in LOCALES:
        return str(chosen)
    best, weight = ENGLISH, 0.0
    for part in accept_language.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        locale = {"en": ENGLISH, "zh": CHINESE}.get(tag.partition("-")[0].lower())
        quality = _quality(parameter)
        if locale is not None and quality > weight:
            best, weight = locale, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
