"""Who looks, and how they want it: language, zone, theme, and what they may do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request

from services.alerts.console.sessions import Session
from services.alerts.console.texts import Texts, preferred_locale

LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE = "ebbtide_language", "ebbtide_theme", "ebbtide_zone"
SESSION_COOKIE = "ebbtide_session"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """How to render for somebody. `session` is null before they have signed in."""

    texts: Texts
    zone: ZoneInfo
    theme: str | None
    session: Session | None = None

    @property
    def may_act(self) -> bool:
        """Whether to offer acts."""
        return self.session is not None and self.session.may_act

    @property
    def style(self) -> tuple[str, str, bool]:
        """Viewers of one style see the same rows."""
        return self.texts.locale, self.zone.key, self.may_act


def viewer_of(request: Request, texts: dict[str, Texts], session: Session | None = None) -> Viewer:
    """From cookies, else what the browser says."""
    cookies = request.cookies
    theme = cookies.get(THEME_COOKIE)
    locale = preferred_locale(cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))
    return Viewer(
        texts=texts[locale],
        zone=zone_of(cookies.get(ZONE_COOKIE, "")[:64]),
        theme=theme if theme in THEMES else None,
        session=session,
    )


@lru_cache(maxsize=1_000)
def zone_of(name: str) -> ZoneInfo:
    """A zone by the name the browser gave it; UTC if nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def session_cookie(request: Request) -> str:
    """Under TLS the browser is to see to it that no other host of the domain can set this cookie."""
    return f"__Host-{SESSION_COOKIE}" if is_secure(request) else SESSION_COOKIE


def is_secure(request: Request) -> bool:
    """Whether the browser came by TLS, as the server or a proxy on this machine says."""
    return request.url.scheme == "https"


def local_instant(text: str, zone: ZoneInfo) -> datetime | None:
    """What `<input type=datetime-local>` sends, in the viewer's zone; null for anything else."""
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=zone).astimezone(UTC) if parsed.tzinfo is None else None
    except (ValueError, OverflowError):
        return None
