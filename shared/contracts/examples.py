"""One example of each contract, told as one story; the documents of the HTTP APIs show them.

Ada of the shop bought last on 1 November; on 30 January, after 90 days, her account owner is told.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.alert import Act, Alert, Evidence
from shared.contracts.interaction import Anchor, Interaction, Pii
from shared.contracts.notification import Notification
from shared.contracts.profile import (
    Aggregates,
    Attribute,
    Consent,
    Gap,
    History,
    LifecycleChange,
    Owner,
    Profile,
    Watermark,
)
from shared.contracts.score import BandSpell, Contribution, KindScore, Model, Score

_CUSTOMER_ID = "2c1f4d3e-95f1-5d34-8a55-9a1d2f6f0a11"
_ALERT_ID = "7b0e3f5a-8f61-5a0e-9d5c-5f3f1f1d2c22"
_BOUGHT = datetime(2025, 11, 1, 12, tzinfo=UTC)
_BEFORE = _BOUGHT - timedelta(days=20)
_TOLD = _BOUGHT + timedelta(days=90)
_SINCE = _BOUGHT - timedelta(days=730)
_ORDER = Anchor(reference="shop:4711", source="shop/checkout", id="order-1001")
# 80 x r / 180 d + 20 / 16 reaches 40 after 87 days, 4 h and 30 min.
_MEDIUM_AT = _BOUGHT + timedelta(days=87, hours=4, minutes=30)

INTERACTION = Interaction(
    specversion="1.0",
    id="order-1001",
    source="shop/checkout",
    type="customer.purchase",
    subject="shop:4711",
    time=_BOUGHT,
    data={"amount": "29.33", "currency": "USD", "quantity": 2},
    pii=Pii(value={"note": "leave it with the neighbours"}),
    correlationid="5f0c6a1be2d94c37",
)

PROFILE = Profile(
    customer_id=_CUSTOMER_ID,
    references=("crm:55", "shop:4711"),
    lifecycle="lapsing",
    lifecycle_since=_BOUGHT + timedelta(days=60),
    value_tier="high",
    behaviour="frequent",
    segments=("vip",),
    attributes={"tier": Attribute(value="gold", source="crm", time=_BEFORE)},
    owner=Owner(staff_id="ada", since=_BEFORE),
    consent={"email:marketing": Consent(granted=True, source="shop/account", time=_BEFORE)},
    locale="en",
    zone="Europe/London",
    aggregates=Aggregates(
        interactions=20,
        activities=17,
        activity_days=17,
        first_activity_at=_SINCE,
        last_activity_at=_BOUGHT,
        last_activity=_ORDER,
        purchases=16,
        purchase_days=16,
        first_purchase_at=_SINCE,
        last_purchase_at=_BOUGHT,
        last_purchase=_ORDER,
        spend={"USD": "512.40"},
    ),
    history=History(
        since=_SINCE,
        purchase_gaps=(Gap(_BEFORE, _BOUGHT, 15, True, "shop:4711", "shop/checkout", "order-0950"),),
        lifecycle=(LifecycleChange(lifecycle="lapsing", since=_BOUGHT + timedelta(days=60)),),
    ),
    watermark=Watermark(time=_BOUGHT, source="shop/checkout", id="order-1001"),
    policy="p-1a2b3c",
    next_transition_at=_BOUGHT + timedelta(days=120),
    pii=Pii(value={"name": "Ada Brandt", "email": "ada@example.com"}),
)

SCORE = Score(
    customer_id=_CUSTOMER_ID,
    profile_version=1769774400000000,
    lifecycle="lapsing",
    value_tier="high",
    behaviour="frequent",
    segments=("vip",),
    owner="ada",
    history_since=_SINCE,
    kinds={
        "churn_risk": KindScore(
            value=41.25,
            scale="index",
            band="medium",
            contributions=(
                Contribution(factor="recency", points=40.0, evidence="days_since_purchase=90"),
                Contribution(factor="frequency", points=1.25, evidence="purchase_days=16"),
            ),
            model=Model(name="baseline-1", version="1"),
            as_of=_TOLD,
            next_transition_at=_BOUGHT + timedelta(days=154, hours=16, minutes=30),
            bands=(BandSpell(band="medium", since=_MEDIUM_AT, anchor=_ORDER),),
        )
    },
    next_transition_at=_BOUGHT + timedelta(days=154, hours=16, minutes=30),
)

ALERT = Alert(
    alert_id=_ALERT_ID,
    rule_id="no-purchase-90d",
    rules_version="c9b9510df5ab",
    customer_id=_CUSTOMER_ID,
    condition="firing",
    handling="acknowledged",
    severity="warning",
    fired_at=_TOLD,
    handled_until=_TOLD + timedelta(days=2),
    owner="ada",
    notify=("owner", "customer"),
    evidence=Evidence(anchor=_ORDER, since=_BOUGHT, facts={"absent": "customer.purchase", "longer_than": "90d"}),
    history=(
        Act(act="fired", at=_TOLD, by="ebbtide", reason="condition_held"),
        Act(
            act="acknowledged",
            at=_TOLD + timedelta(hours=1),
            by="3d0f2c5e-4b1a-5f6e-9c8d-7a6b5c4d3e2f",
            until=_TOLD + timedelta(days=2),
            pii=Pii(value={"comment": "I call her tomorrow."}),
        ),
    ),
    cause_version=1769774400000000,
)

NOTIFICATION = Notification(
    notification_id="9d2a1c44-1b2f-5c3d-8e4f-0a1b2c3d4e5f",
    alert_id=_ALERT_ID,
    rule_id="no-purchase-90d",
    customer_id=_CUSTOMER_ID,
    transition="fired",
    step="owner",
    recipient="staff:ada",
    channel="email",
    status="sent",
    template="owner_fired",
    locale="en",
    cause_at=_TOLD,
    decided_at=_TOLD + timedelta(seconds=1),
    attempts=1,
    sent_at=_TOLD + timedelta(seconds=2),
    provider_code="250",
)

EXAMPLES: dict[type[Any], Any] = {
    Interaction: INTERACTION,
    Profile: PROFILE,
    Score: SCORE,
    Alert: ALERT,
    Notification: NOTIFICATION,
}
