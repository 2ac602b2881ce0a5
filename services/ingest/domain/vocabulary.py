"""The types of interaction Ebbtide understands, and the fields of `data` that travel in the open for each.

What is not listed here travels as personal data: so names, addresses and free text cannot slip through, and types
of the emitter's own are kept whole without being read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.ingest.domain.kinds import (
    Kind,
    amount,
    choice,
    code,
    count,
    currency,
    day,
    flag,
    locale,
    number,
    reference,
    zone,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What `data` may hold in the open, and what of it must be there."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()


_direction = choice("in", "out")
_money: dict[str, Kind] = {"amount": amount, "currency": currency}
_sale: dict[str, Kind] = {
    **_money,
    "quantity": count,
    "order": code,
    "product": code,
    "category": code,
    "brand": code,
    "store": code,
    "channel": code,
}
_contact: dict[str, Kind] = {
    "channel": code,
    "direction": _direction,
    "duration": count,
    "outcome": code,
    "class": code,
    "case": code,
    "staff": code,
}
_complaint: dict[str, Kind] = {
    "case": code,
    "class": code,
    "channel": code,
    "priority": code,
    "product": code,
    "order": code,
    "outcome": code,
    "staff": code,
}
_survey: dict[str, Kind] = {
    "survey": code,
    "kind": choice("csat", "nps", "ces"),
    "channel": code,
    "class": code,
}
_subscription: dict[str, Kind] = {
    **_money,
    "subscription": code,
    "plan": code,
    "period": code,
    "until": day,
    "reason": code,
}
_notification: dict[str, Kind] = {
    "notification": code,
    "channel": code,
    "purpose": code,
    "link": code,
    "kind": code,
    "reason": code,
}
_identity: dict[str, Kind] = {
    "locale": locale,
    "zone": zone,
    "region": code,
    "country": code,
    "kind": code,
    "birthday": day,
    "industry": code,
    "brand": code,
    "origin": code,
    "channel": code,
}

_SHAPES = {
    "purchase": Shape(_sale),
    "refund": Shape({**_sale, "reason": code}),
    "visit": Shape({"channel": code, "store": code, "device": code, "duration": count, "category": code}),
    "login": Shape({"channel": code, "device": code}),
    "message": Shape(_contact),
    "call": Shape(_contact),
    "meeting": Shape(_contact),
    "complaint.opened": Shape(_complaint),
    "complaint.answered": Shape(_complaint),
    "complaint.resolved": Shape(_complaint),
    "feedback": Shape({**_complaint, "score": number}),
    "survey.sent": Shape(_survey),
    "survey.answered": Shape({**_survey, "score": number}, required=("kind", "score")),
    "identified": Shape(_identity),
    "linked": Shape({"reference": reference}, required=("reference",)),
    "consent": Shape(
        {"channel": code, "purpose": code, "granted": flag, "text_version": code},
        required=("channel", "purpose", "granted"),
    ),
    "referral": Shape({"reference": reference, "code": code, "outcome": code, "channel": code}),
    "stage": Shape({"stage": code, "deal": code, "pipeline": code, **_money}, required=("stage",)),
    "training": Shape({"course": code, "outcome": code, "channel": code, "score": number}),
    "subscription.started": Shape(_subscription),
    "subscription.renewed": Shape(_subscription),
    "subscription.ended": Shape(_subscription),
    "owner.assigned": Shape({"owner": code, "reason": code}, required=("owner",)),
    "owner.released": Shape({"owner": code, "reason": code}),
    "tagged": Shape({"tag": code, "removed": flag}, required=("tag",)),
    "merged": Shape({"reference": reference, "reason": code}, required=("reference",)),
    "unmerged": Shape({"reference": reference, "reason": code}, required=("reference",)),
    "erased": Shape({"reason": code}),
    "contacted": Shape({**_contact, "purpose": code, "campaign": code}),
    "notification.opened": Shape(_notification),
    "notification.clicked": Shape(_notification),
    "notification.bounced": Shape(_notification),
    "notification.unsubscribed": Shape(_notification),
}

VOCABULARY: Mapping[str, Shape] = {f"customer.{name}": shape for name, shape in _SHAPES.items()}
