"""What other services know of a customer, in the words of whoever looks."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.alerts.console.answers import (
    Happened,
    Kind,
    NotificationsAnswer,
    ProfileAnswer,
    ScoresAnswer,
    Sealed,
    Sums,
    TimelineAnswer,
    Told,
)
from services.alerts.console.texts import Texts
from services.alerts.console.viewer import Viewer
from shared.contracts import Pii
from shared.errors import EbbtideError
from shared.pii import open_pii

LONGEST = 400
# Codes of an interaction that tell people something, in the order they are told.
TOLD = ("product", "plan", "stage", "course", "case", "kind", "score", "owner", "tag", "outcome", "reason", "channel")
SAID = ("subject", "text", "message", "comment", "note")
PERSONAL = ("name", "first_name", "last_name", "company", "email", "phone")
# The value of a score of this scale that fills its bar; elsewhere the contributions share it.
FULL = {"index": 100.0, "probability": 1.0}


def profile_values(profile: ProfileAnswer, viewer: Viewer) -> dict[str, Any]:
    """Labels and what stands behind them; what is not known is left out."""
    texts = viewer.texts
    if profile.status != "active":
        gone = texts.code("record", profile.status)
        return {"facts": [(texts("record.status"), f"{gone} {profile.merged_into or ''}".strip())]}
    facts = [*_personal(profile, texts), *_classes(profile, viewer), *_sums(profile.aggregates, viewer)]
    consent = " · ".join(_consent(code, granted.granted, texts) for code, granted in sorted(profile.consent.items()))
    if consent:
        facts.append((texts("record.consent"), consent))
    spoken = " · ".join(part for part in (profile.locale, profile.zone) if part)
    if spoken:
        facts.append((texts("record.language"), spoken))
    facts += [
        (texts.entries.get(f"record.{name}", name), short(one.value))
        for name, one in sorted(profile.attributes.items())
        if name not in ("locale", "zone") and not isinstance(one.value, bool)
    ]
    return {"facts": facts}


def _personal(profile: ProfileAnswer, texts: Texts) -> Iterator[tuple[str, str]]:
    known = opened(profile.pii)
    if known is None:
        yield texts("record.name"), texts("sealed")
        return
    for name in (*PERSONAL, *sorted(known.keys() - {*PERSONAL})):
        entry = known.get(name)
        value = entry.get("value") if isinstance(entry, Mapping) else entry
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield texts.entries.get(f"record.{name}", name), short(value)


def _classes(profile: ProfileAnswer, viewer: Viewer) -> Iterator[tuple[str, str]]:
    texts = viewer.texts
    yield texts("record.lifecycle"), _since(texts.code("lifecycle", profile.lifecycle), profile.lifecycle_since, viewer)
    if profile.value_tier:
        yield texts("record.value_tier"), texts.code("tier", profile.value_tier)
    if profile.behaviour:
        yield texts("record.behaviour"), texts.code("behaviour", profile.behaviour)
    if profile.segments:
        yield texts("record.segments"), " · ".join(profile.segments)
    if profile.owner:
        yield texts("record.owner"), _since(profile.owner.staff_id, profile.owner.since, viewer)


def _since(what: str, instant: datetime | None, viewer: Viewer) -> str:
    return viewer.texts("since", what=what, date=day(instant, viewer)) if instant is not None else what


def _sums(sums: Sums, viewer: Viewer) -> Iterator[tuple[str, str]]:
    texts = viewer.texts
    if sums.last_purchase_at:
        last = day(sums.last_purchase_at, viewer)
        yield texts("record.purchases"), texts("purchases", n=sums.purchases, days=sums.purchase_days, date=last)
    else:
        yield texts("record.purchases"), texts("row.nothing")
    if sums.spend:
        spent = [f"{currency} {amount}" for currency, amount in sorted(sums.spend.items())]
        yield texts("record.spend"), " · ".join(spent)
    if sums.last_activity_at:
        yield texts("record.last_activity"), day(sums.last_activity_at, viewer)
    if sums.open_complaints:
        yield texts("record.open_complaints"), str(sums.open_complaints)


def _consent(code: str, granted: bool, texts: Texts) -> str:
    channel, _, purpose = code.partition(":")
    answer = texts("answer.yes") if granted else texts("answer.no")
    return texts(
        "consent", channel=texts.code("channel", channel), purpose=texts.code("purpose", purpose), answer=answer
    )


def timeline_values(timeline: TimelineAnswer, viewer: Viewer) -> dict[str, Any]:
    """What happened, newest first."""
    return {
        "items": [
            {
                "at": minute(one.time, viewer),
                "what": viewer.texts.code("did", one.type.removeprefix("customer.")),
                "details": _details(one, viewer.texts),
                "said": _said(one),
            }
            for one in timeline.items
        ],
        "more": timeline.next_cursor is not None,
    }


def _details(one: Happened, texts: Texts) -> str:
    if isinstance(one.data.get("granted"), bool):
        return _consent(f"{one.data.get('channel')}:{one.data.get('purpose')}", one.data["granted"], texts)
    money = f"{one.data.get('currency') or ''} {one.data['amount']}".strip() if "amount" in one.data else None
    plain = [one.data.get(name) for name in TOLD]
    if isinstance(plain[-1], str):
        plain[-1] = texts.code("channel", plain[-1])
    told = [money, *(value for value in plain if isinstance(value, str | int | float) and not isinstance(value, bool))]
    return " · ".join(short(value) for value in told if value not in (None, ""))


def _said(one: Happened) -> str | None:
    known = opened(one.pii) or {}
    return " ".join(short(known[name]) for name in SAID if isinstance(known.get(name), str)) or None


def scores_values(scores: ScoresAnswer, viewer: Viewer) -> dict[str, Any]:
    """Every score with its contributions, those with a band first."""
    ranked = sorted(scores.kinds.items(), key=lambda entry: entry[1].band is None)
    return {"scores": [_score(name, kind, viewer.texts) for name, kind in ranked]}


def _score(name: str, kind: Kind, texts: Texts) -> dict[str, Any]:
    full = FULL.get(kind.scale) or sum(abs(one.points) for one in kind.contributions) or 1.0
    return {
        "what": texts.code("score", name),
        "value": _amount(kind, texts) if kind.value is not None else None,
        "why_not": texts.code("why_not", kind.reason) if kind.value is None and kind.reason else None,
        "band": kind.band,
        "bars": [
            {
                "what": texts.code("factor", one.factor),
                "points": f"{one.points:+.1f}",
                "percent": round(min(abs(one.points) / full, 1.0) * 100, 1),
                "against": one.points < 0,
                "because": _evidence(one.evidence, texts),
            }
            for one in kind.contributions
        ],
        # One summand is the score itself.
        "drawn": len(kind.contributions) > 1,
    }


def _amount(kind: Kind, texts: Texts) -> str:
    assert kind.value is not None
    if kind.scale == "money" and kind.contributions:
        # The number alone does not say which money it is.
        return _evidence(kind.contributions[0].evidence, texts)
    digits = {"index": 0, "count": 0, "days": 0}.get(kind.scale, 2)
    plain = f"{kind.value:.{digits}f}"
    return texts(f"scale.{kind.scale}", n=plain) if f"scale.{kind.scale}" in texts.entries else plain


def _evidence(evidence: str, texts: Texts) -> str:
    return " · ".join(_because(part, texts) for part in evidence.split())


def _because(part: str, texts: Texts) -> str:
    code, _, value = part.partition("=")
    return texts(f"because.{code}", n=value) if f"because.{code}" in texts.entries else f"{code} {value}".strip()


def notifications_values(told: NotificationsAnswer, viewer: Viewer) -> dict[str, Any]:
    """Who was told what, and if not, why not; newest first."""
    return {"items": [_told(one, viewer) for one in told.items], "more": told.next_cursor is not None}


def _told(one: Told, viewer: Viewer) -> dict[str, Any]:
    texts = viewer.texts
    role, _, name = one.recipient.partition(":")
    until = texts("history.until", until=minute(one.held_until, viewer)) if one.held_until else None
    why = texts.code("untold", one.reason) if one.reason else None
    return {
        "at": minute(one.sent_at or one.cause_at, viewer),
        "what": texts.code("transition", one.transition),
        "to": texts("told.customer") if role == "customer" else name or role,
        "by": texts.code("channel", one.channel),
        "status": one.status,
        "said": texts.code("told_status", one.status),
        "why": " · ".join(part for part in (why, until) if part),
    }


def opened(pii: Sealed | None) -> Mapping[str, Any] | None:
    """Personal data that can be read; null when this version cannot open it."""
    try:
        return open_pii(Pii(alg=pii.alg, kid=pii.kid, value=pii.value)) if pii is not None else {}
    except EbbtideError:
        return None


def short(value: object) -> str:
    """Of a bounded length, and in one line."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"


def day(instant: datetime, viewer: Viewer) -> str:
    """The date where the viewer is."""
    return instant.astimezone(viewer.zone).strftime("%Y-%m-%d")


def minute(instant: datetime, viewer: Viewer) -> str:
    """Date and time where the viewer is."""
    return instant.astimezone(viewer.zone).strftime("%Y-%m-%d %H:%M")
