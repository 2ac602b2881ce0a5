"""Bodies of /v1/webhooks: what is asked for and what is answered, each with an example."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from services.notify.domain.deliveries import Delivery, Outcome, Result, Status
from services.notify.domain.webhooks import EVENT_TYPES, Disabled, Filters, Target, Webhook

_WEBHOOK_ID = "5b0c8f0e-3f6d-4c5e-9a51-0f6f2f1d7c33"
_EVENT_ID = "8e6f6a0c-2a55-5b7b-8f0a-6a0f5f5b1c44"
_URL = "https://hooks.example.com/ebbtide"


def _known_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError(f"is no type of event; there are {', '.join(EVENT_TYPES)}")
    return name


def _readable(text: str) -> str:
    if not all(character.isprintable() for character in text):
        raise ValueError("holds characters that cannot be shown")
    return text


EventType = Annotated[
    str,
    AfterValidator(_known_type),
    WithJsonSchema({"type": "string", "enum": list(EVENT_TYPES), "examples": ["alert.*"]}),
]
Url = Annotated[
    str,
    Field(
        max_length=2_000,
        description="Where events are sent: https, port 443 or 8443, a public address, no user, no fragment.",
        examples=[_URL],
    ),
]
Description = Annotated[str | None, Field(max_length=200, description="For people.", examples=["Alerts into the chat"])]
Types = Annotated[
    list[EventType],
    Field(
        min_length=1, max_length=40, description="What is told. `alert.*` and `notification.*` stand for all of a kind."
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class FiltersBody(_Body):
    """Only events about one of each list are told; an empty list, or none, narrows nothing."""

    rule_ids: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", examples=["no-purchase-90d"])]] = Field(
        default=[], max_length=100, description="Ids of rules."
    )
    severities: list[Literal["critical", "warning", "info"]] = Field(
        default=[], max_length=3, description="Of the alert."
    )
    owners: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,100}$", examples=["ada"])]] = Field(
        default=[],
        max_length=100,
        description="Ids of staff who follow the customer up. A customer without an owner is the default owner's.",
    )
    customer_ids: list[UUID] = Field(default=[], max_length=100, description="Ids of customers.")

    def entity(self) -> Filters:
        return Filters(
            rule_ids=tuple(self.rule_ids),
            severities=tuple(self.severities),
            owners=tuple(self.owners),
            customer_ids=tuple(map(str, self.customer_ids)),
        )


class NewWebhook(_Body):
    """A subscription as it is asked for."""

    url: Url
    description: Annotated[Description, AfterValidator(lambda text: text and _readable(text))] = None
    types: Types
    filters: FiltersBody = FiltersBody()


class WebhookChange(_Body):
    """What is to be different. What is left out or null stays; only `description` can be null."""

    url: Url | None = None
    description: Annotated[Description, AfterValidator(lambda text: text and _readable(text))] = None
    types: Types | None = None
    filters: FiltersBody | None = None
    enabled: bool | None = Field(
        default=None,
        description="False: nothing is told. True: what waited is told, from the first attempt on, unless it waited"
        " for more than 7 days; what happened while it was disabled is not.",
    )


class WebhookItem(BaseModel):
    """A webhook as the API shows it."""

    webhook_id: str
    principal_id: str = Field(description="Whose it is.")
    url: str | None = Field(description="Null when it cannot be read, because EBBTIDE_SECRET is another now.")
    description: str | None
    types: list[str]
    filters: FiltersBody
    created_at: datetime = Field(description="Business time. What was known before is not told.")
    enabled: bool
    disabled_at: datetime | None = Field(description="Real time, as all that follows.")
    disabled_reason: Disabled | None = Field(
        description="`failing`: nothing arrived for more than a day; `gone`: the receiver answered 410; `access_lost`: "
        "no good key, or no right to read these events any more."
    )
    last_success_at: datetime | None
    previous_secret_until: datetime | None = Field(
        description="The secret before the current one signs too until then."
    )


class NewSecret(WebhookItem):
    """A webhook with its signing secret, which is told this once."""

    secret: str


class WebhookPage(BaseModel):
    """A part of the list."""

    items: list[WebhookItem]
    next_cursor: str | None
    total: int | None = None


class ResultItem(BaseModel):
    """One attempt."""

    at: datetime
    outcome: Outcome
    status: int | None = Field(description="Of the receiver's answer.")
    seconds: float
    answer: str | None = Field(description="The beginning of what the receiver said.")


class DeliveryItem(BaseModel):
    """An event for a webhook. `event_id` is the `webhook-id` header of every attempt."""

    event_id: str
    type: str
    status: Status
    attempts: int = Field(description="Since it was told first, or redelivered.")
    created_at: datetime
    next_attempt_at: datetime | None
    last_result: ResultItem | None


class DeliveryDetail(DeliveryItem):
    """With what was sent, and the last attempts."""

    results: list[ResultItem]
    body: dict[str, Any]


class DeliveryPage(BaseModel):
    """A part of the list."""

    items: list[DeliveryItem]
    next_cursor: str | None
    total: int | None = None


class TestResult(ResultItem):
    """What the receiver said of a test."""

    event_id: str


def shown(webhook: Webhook, target: Target | None) -> dict[str, Any]:
    """A webhook as `WebhookItem`."""
    return {
        "webhook_id": webhook.webhook_id,
        "principal_id": webhook.principal_id,
        "url": target.url if target is not None else None,
        "description": webhook.description,
        "types": webhook.types,
        "filters": webhook.filters,
        "created_at": webhook.created_at,
        "enabled": webhook.disabled_at is None,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason,
        "last_success_at": webhook.last_success_at,
        "previous_secret_until": next((one.until for one in target.secrets if one.until), None) if target else None,
    }


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery as `DeliveryItem`."""
    return {
        "event_id": delivery.event_id,
        "type": delivery.type,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.due_at,
        "last_result": delivery.results[-1] if delivery.results else None,
    }


def shown_results(results: tuple[Result, ...]) -> list[Result]:
    """Newest first."""
    return list(reversed(results))


NEW_WEBHOOK = {
    "url": _URL,
    "description": "Alerts into the chat",
    "types": ["alert.fired", "alert.resolved", "notification.failed"],
    "filters": {"severities": ["critical", "warning"], "owners": ["ada"]},
}
WEBHOOK = {
    "webhook_id": _WEBHOOK_ID,
    "principal_id": "3d0f2c5e-4b1a-5f6e-9c8d-7a6b5c4d3e2f",
    "url": _URL,
    "description": "Alerts into the chat",
    "types": ["alert.fired", "alert.resolved", "notification.failed"],
    "filters": {"rule_ids": [], "severities": ["critical", "warning"], "owners": ["ada"], "customer_ids": []},
    "created_at": "2026-01-30T09:00:00Z",
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "last_success_at": "2026-01-30T12:00:01Z",
    "previous_secret_until": None,
}
SECRET = {**WEBHOOK, "secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
RESULT = {"at": "2026-01-30T12:00:01Z", "outcome": "delivered", "status": 204, "seconds": 0.041, "answer": None}
DELIVERY = {
    "event_id": _EVENT_ID,
    "type": "alert.fired",
    "status": "delivered",
    "attempts": 1,
    "created_at": "2026-01-30T12:00:01Z",
    "next_attempt_at": None,
    "last_result": RESULT,
}
DETAIL = {
    **DELIVERY,
    "results": [RESULT],
    "body": {
        "type": "alert.fired",
        "timestamp": "2026-01-30T12:00:00Z",
        "data": {"alert_id": "…", "condition": "firing"},
    },
}
TEST = {**RESULT, "event_id": _EVENT_ID}
