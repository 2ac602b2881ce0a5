"""How POST /v1/interactions is described in /openapi.json: it reads its body itself, so nothing is derived."""

from typing import Any

from services.ingest.domain.entities import Code

_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent 1.0 in structured mode. Identified by subject, source and id.",
    "required": ["specversion", "id", "type", "subject", "time"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "The name of the key's principal when absent.",
        },
        "type": {"type": "string", "pattern": "^[a-z0-9._-]{1,100}$", "examples": ["customer.purchase"]},
        "subject": {
            "type": "string",
            "description": "The customer, as `namespace:value`; the namespace of the key's principal when there is"
            " none. E-mail addresses and phone numbers are replaced by a keyed hash.",
            "examples": ["shop:4711"],
        },
        "time": {"type": "string", "format": "date-time", "description": "With a zone; at most 5 minutes ahead."},
        "data": {
            "type": "object",
            "description": "Fields the vocabulary knows travel in the open, all others as personal data.",
        },
        "pii": {"type": "object", "description": "Personal data: name, email, phone, address, anything else."},
    },
    "additionalProperties": True,
}
_EXAMPLE = {
    "specversion": "1.0",
    "id": "order-1001",
    "source": "shop",
    "type": "customer.purchase",
    "subject": "shop:4711",
    "time": "2026-01-31T12:00:00Z",
    "data": {"amount": "29.33", "currency": "USD", "quantity": 2},
}
_BODY: dict[str, Any] = {
    "schema": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT, "maxItems": 500}]},
    "example": _EXAMPLE,
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "refused"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "id", "field", "code", "reason"],
                "properties": {
                    "index": {"type": "integer", "description": "Place in the request, from 0."},
                    "id": {"type": ["string", "null"]},
                    "field": {"type": "string"},
                    "code": {"type": "string", "enum": [code.value for code in Code]},
                    "reason": {"type": "string", "description": "What was expected."},
                },
            },
        },
    },
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}


def _receipt(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _RECEIPT}}}


INTERACTIONS_OPERATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": _BODY,
            "application/cloudevents+json": {"schema": _EVENT},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _EVENT, "maxItems": 500}},
        },
    }
}
INTERACTIONS_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _receipt("Acknowledged by the broker; `refused` lists what was not taken."),
    400: {"description": "Not JSON."},
    401: {"description": "No valid key."},
    403: {"description": "The key lacks the scope interactions:write."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "More than 1 MiB or 500 events."},
    415: {"description": "A media type or encoding that is not taken."},
    422: _receipt("None was accepted."),
    429: {"description": "Too many events in a short time.", "headers": _RETRY_AFTER},
    503: {"description": "Not acknowledged in time: send the same again.", "headers": _RETRY_AFTER},
}
