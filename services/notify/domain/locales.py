"""The languages that templates exist in, and how a recipient's locale finds one."""

ENGLISH = "en"
CHINESE = "zh-CN"
LOCALES = (ENGLISH, CHINESE)


def locale_for(wanted: str | None) -> str:
    """The template language for a BCP 47 or POSIX locale: any Chinese is `zh-CN`, everything else English."""
    language = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return CHINESE if language == "zh" else ENGLISH
