"""What the list is narrowed to, as the address of the page says it, and where a row stands in it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from services.alerts.domain.entities import Alert
from shared.http.pages import decode_cursor, encode_cursor
from shared.http.problems import ApiError

CONDITIONS = ("firing", "resolved", "retracted")
HANDLINGS = ("active", "open", "acknowledged", "snoozed", "closed", "any")
SEVERITIES = ("critical", "warning", "info")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Place:
    """The sort key of a row: most severe first, then newest firing."""

    severity: str
    fired_at: datetime
    alert_id: str

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return SEVERITIES.index(self.severity)

    @property
    def fired(self) -> str:
        """Of one length, so that the page can compare two as they are."""
        return self.fired_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def cursor(self) -> str:
        """Opaque, for an address."""
        return encode_cursor(self.severity, self.fired_at.isoformat(), self.alert_id)


def place_of(cursor: str | None) -> Place | None:
    """The place a cursor stands for. Raises ApiError 422 for one we did not make."""
    if not cursor:
        return None
    severity, fired_at, alert_id = decode_cursor(cursor, str, str, str)
    try:
        place = Place(severity, datetime.fromisoformat(fired_at).astimezone(UTC), str(UUID(alert_id)))
        return place if place.rank >= 0 else None
    except (ValueError, OverflowError):
        raise ApiError(422, "bad_cursor", "The cursor is not one that this list gave.", field="cursor") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All apply at once. `active` handling is everything but closed. `q`: part of a reference, or an id.

    `named` are customers whose name `q` is, as somebody else knows; it is no part of an address.
    """

    condition: str = "firing"
    handling: str = "active"
    severity: str | None = None
    owner: str | None = None
    rule: str | None = None
    q: str | None = None
    named: frozenset[str] = frozenset()

    def matches(self, alert: Alert, references: tuple[str, ...]) -> bool:
        """What the statement `list_rows` says, of one row."""
        handling = {"any": True, "active": alert.handling != "closed"}.get(
            self.handling, alert.handling == self.handling
        )
        wanted = (
            (self.severity, alert.severity),
            (self.owner, alert.owner),
            (self.rule, alert.rule_id),
        )
        named = (alert.evidence.anchor.reference, *references)
        found = (
            self.q is None
            or self.q in (alert.alert_id, alert.customer_id)
            or alert.customer_id in self.named
            or any(self.q in one for one in named)
        )
        return (
            alert.condition == self.condition and handling and found and all(w is None or w == is_ for w, is_ in wanted)
        )

    def query(self, **changes: Any) -> str:
        """As the query of an address, without what goes without saying."""
        changed = replace(self, **changes)
        spoken = [one for one in fields(self) if one.name != "named"]
        return urlencode([(one.name, v) for one in spoken if (v := getattr(changed, one.name)) != one.default])


def filters_of(query: Mapping[str, str]) -> Filters:
    """The filters an address asks for; what makes no sense is left out, so that an old bookmark still opens."""

    def among(name: str, choices: tuple[str, ...], default: str | None) -> str | None:
        value = query.get(name)
        return value if value in choices else default

    def text(name: str) -> str | None:
        return "".join(c for c in query.get(name, "") if c.isprintable()).strip()[:LONGEST] or None

    handling = among("handling", HANDLINGS, None)
    condition = among("condition", CONDITIONS, "firing") or "firing"
    return Filters(
        condition=condition,
        # What has ended is closed by that: asking for it means asking for closed ones.
        handling=handling if handling and condition == "firing" else "active" if condition == "firing" else "any",
        severity=among("severity", SEVERITIES, None),
        owner=text("owner"),
        rule=text("rule"),
        q=text("q"),
    )
