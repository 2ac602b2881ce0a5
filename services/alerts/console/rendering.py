"""Templates to pages, and rows to pieces of pages."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.alerts.console.filters import CONDITIONS, HANDLINGS, SEVERITIES
from services.alerts.console.sentences import age, clock_time, evidence_sentence, handling_act, handling_sentence
from services.alerts.console.store import Row
from services.alerts.console.texts import load_texts
from services.alerts.console.viewer import Viewer
from services.alerts.domain.entities import EBBTIDE, Act
from shared.contracts import Pii
from shared.errors import EbbtideError
from shared.pii import open_pii

FOLDER = Path(__file__).parent
ASSETS = {"console.js": "text/javascript; charset=utf-8", "console.css": "text/css; charset=utf-8"}
OUTCOMES = ("retained", "churned", "false_alarm")
# How long somebody may promise or want quiet for, without naming an instant.
SPANS = {"30m": 30, "1h": 60, "4h": 240, "1d": 1_440, "3d": 4_320, "7d": 10_080}

NameOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages ask for."""

    body: bytes
    media_type: str


class Renderer:
    """Everything that is shown. `name_of` knows principals by id."""

    def __init__(self, name_of: NameOf) -> None:
        self.texts = load_texts()
        self.assets = {name: Asset((FOLDER / "static" / name).read_bytes(), kind) for name, kind in ASSETS.items()}
        self._name_of = name_of
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        content = b"".join(asset.body for asset in self.assets.values())
        self._environment.globals |= {
            "assets": hashlib.sha256(content).hexdigest()[:12],
            "conditions": CONDITIONS,
            "handlings": HANDLINGS,
            "severities": SEVERITIES,
            "outcomes": OUTCOMES,
            "spans": tuple(SPANS),
            "locales": {locale: texts("language.name") for locale, texts in self.texts.items()},
        }

    def page(self, template: str, viewer: Viewer, **values: Any) -> str:
        """A whole page."""
        return self._environment.get_template(template).render(viewer=viewer, t=viewer.texts, **values)

    def row(self, row: Row, viewer: Viewer, now: datetime, refusal: str | None = None) -> str:
        """One line of the list."""
        template = self._environment.get_template("row.html")
        return template.render(viewer=viewer, t=viewer.texts, row=self.shown(row, viewer, now), refusal=refusal)

    def shown(self, row: Row, viewer: Viewer, now: datetime) -> Mapping[str, Any]:
        """A row in the words of its viewer."""
        alert, texts, zone = row.alert, viewer.texts, viewer.zone
        act = handling_act(alert)
        until = clock_time(alert.handled_until, now, zone) if alert.handled_until else None
        by = self._name(act, viewer) if act is not None and act.by != EBBTIDE else None
        return {
            "alert": alert,
            "version": row.version,
            "rank": row.place.rank,
            "fired": row.place.fired,
            "fired_shown": alert.fired_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            "ended_shown": clock_time(alert.resolved_at, now, zone) if alert.resolved_at else None,
            "age": age(now - alert.fired_at, texts),
            "name": alert.evidence.anchor.reference or alert.customer_id,
            "tier": row.customer.value_tier,
            "references": row.customer.references,
            "evidence": evidence_sentence(alert, texts, zone),
            "handling": handling_sentence(alert, texts, by=by, until=until),
            "can_act": viewer.may_act and alert.condition == "firing" and alert.handling != "closed",
        }

    def story(self, row: Row, viewer: Viewer, now: datetime) -> list[Mapping[str, Any]]:
        """The history of an alert, newest first."""
        zone = viewer.zone
        return [
            {
                "what": viewer.texts.code("act", act.act),
                "kind": act.act,
                "at": act.at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
                "by": self._name(act, viewer),
                "why": viewer.texts.code("reason", act.reason) if act.reason else None,
                "until": clock_time(act.until, now, zone) if act.until else None,
                "said": _said(act, viewer),
            }
            for act in reversed(row.alert.history)
        ]

    def _name(self, act: Act, viewer: Viewer) -> str:
        if act.by == EBBTIDE:
            return "Ebbtide"
        return self._name_of(act.by) or viewer.texts("somebody", id=act.by[:8])


def _said(act: Act, viewer: Viewer) -> str | None:
    if act.pii is None:
        return None
    try:
        plain = open_pii(Pii(alg=act.pii.alg, kid=act.pii.kid, value=act.pii.value))
    except EbbtideError:
        return viewer.texts("sealed")
    return " ".join(str(text) for text in plain.values()) or None
