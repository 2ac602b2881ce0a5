"""How the routes are described in /openapi.json: they read and write their bodies themselves, so nothing is derived."""

from typing import Any

from services.ingest.domain.entities import Code
from services.ingest.domain.quarantine import Status

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
_VISIT = {
    "specversion": "1.0",
    "id": "visit-77",
    "source": "shop",
    "type": "customer.visit",
    "subject": "shop:4711",
    "time": "2026-01-31T12:05:00Z",
}
_EVENTS: dict[str, Any] = {"type": "array", "items": _EVENT, "maxItems": 500}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "refused"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0, "description": "How many are durable now."},
        "refused": {
            "type": "array",
            "description": "What was not taken, each with its reason; it is not kept.",
            "items": {
                "type": "object",
                "required": ["index", "id", "field", "code", "reason"],
                "properties": {
                    "index": {"type": "integer", "description": "Place in the request, from 0."},
                    "id": {"type": ["string", "null"], "description": "Of the event, if it has one."},
                    "field": {"type": "string", "description": "Which part of the event, such as data.amount."},
                    "code": {"type": "string", "enum": [code.value for code in Code]},
                    "reason": {"type": "string", "description": "What was expected."},
                },
            },
        },
    },
}
_FAULT = {"id": "order-1001", "field": "time", "code": "value", "reason": "expected RFC 3339 with a zone"}
_SOME = {"accepted": 1, "refused": [{"index": 1, **_FAULT}]}
_NONE = {"accepted": 0, "refused": [{"index": 0, **_FAULT}]}


def _receipt(description: str, example: Any) -> dict[str, Any]:
    return _answer(description, _RECEIPT, example)


def _answer(description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


INTERACTIONS_OPERATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One event or an array of them.",
        "content": {
            "application/json": {
                "schema": {"oneOf": [_EVENT, _EVENTS]},
                "examples": {
                    "one": {"summary": "One event", "value": _EXAMPLE},
                    "several": {"summary": "Several at once", "value": [_EXAMPLE, _VISIT]},
                },
            },
            "application/cloudevents+json": {"schema": _EVENT, "example": _EXAMPLE},
            "application/cloudevents-batch+json": {"schema": _EVENTS, "example": [_EXAMPLE, _VISIT]},
        },
    }
}
# Errors without a body of their own are problem documents; shared.http.document says so of all services.
INTERACTIONS_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _receipt("Acknowledged by the broker; `refused` lists what was not taken.", _SOME),
    400: {"description": "Not JSON."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "More than 1 MiB or 500 events."},
    415: {"description": "A media type or encoding that is not taken."},
    422: _receipt("None was accepted.", _NONE),
    429: {"description": "Too many events in a short time."},
    503: {"description": "Not acknowledged in time: send the same again."},
}

_CONTENT: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "`text` where it is UTF-8, else `base64`.",
    "properties": {"text": {"type": "string"}, "base64": {"type": "string", "contentEncoding": "base64"}},
}
_QUARANTINED: dict[str, Any] = {
    "type": "object",
    "required": ["quarantine_id", "topic", "partition", "offset", "code", "field", "reason", "received_at", "status"],
    "properties": {
        "quarantine_id": {"type": "string", "format": "uuid", "description": "Follows from where the record lay."},
        "topic": {"type": "string", "description": "Where it lay."},
        "partition": {"type": "integer"},
        "offset": {"type": "integer"},
        "code": {"type": "string", "enum": [code.value for code in Code], "description": "Why it was refused."},
        "field": {"type": "string", "description": "Which part of the event."},
        "reason": {"type": "string", "description": "What was expected."},
        "received_at": {"type": "string", "format": "date-time", "description": "When it was refused."},
        "status": {"type": "string", "enum": [status.value for status in Status]},
        "settled_at": {"type": ["string", "null"], "format": "date-time", "description": "When that was decided."},
        "settled_by": {"type": ["string", "null"], "description": "The principal who decided."},
    },
}
_ENTRY = {
    "quarantine_id": "0f9ab0c4-6a5e-5f5b-9d59-1d8c3c2a7c11",
    "topic": "interactions.inbound.v1",
    "partition": 3,
    "offset": 1204,
    "code": "missing",
    "field": "data.currency",
    "reason": "expected the currency of the amount (ISO 4217)",
    "received_at": "2026-01-31T12:00:01Z",
    "status": "open",
    "settled_at": None,
    "settled_by": None,
}
_RAW = {
    "key": {"text": "shop:4711"},
    "value": {"text": '{"specversion": "1.0", "id": "order-1001", "data": {"amount": "29.33"}}'},
    "headers": [{"name": "content-type", "value": {"text": "application/cloudevents+json"}}],
}
_WITH_CONTENT = _QUARANTINED | {
    "properties": _QUARANTINED["properties"]
    | {
        "content": {
            "type": "object",
            "description": "The record as it came. May hold personal data.",
            "properties": {
                "key": _CONTENT,
                "value": _CONTENT,
                "headers": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}, "value": _CONTENT}},
                },
            },
        }
    }
}
_PAGE: dict[str, Any] = {
    "type": "object",
    "required": ["items", "next_cursor"],
    "properties": {
        "items": {"type": "array", "items": _QUARANTINED},
        "next_cursor": {"type": ["string", "null"], "description": "Give it as `cursor` to go on."},
        "total": {"type": "integer", "description": "With total=true: how many there are in all."},
    },
}
_SETTLED: dict[int | str, dict[str, Any]] = {
    409: {"description": "It was resubmitted or discarded before: `already_settled`."}
}

QUARANTINE_PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer(
        "A page of refused records.",
        _PAGE,
        {"items": [_ENTRY], "next_cursor": "WyIyMDI2LTAxLTMxVDEyOjAwOjAxKzAwOjAwIiwiMGY5YSJd"},
    )
}
QUARANTINED_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer("The record.", _WITH_CONTENT, _ENTRY | {"content": _RAW}),
}
RESUBMIT_OPERATION: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "description": "The repaired event; nothing, to have the record judged again as it is.",
        "content": {
            "application/json": {"schema": _EVENT, "example": _EXAMPLE},
            "application/cloudevents+json": {"schema": _EVENT, "example": _EXAMPLE},
        },
    }
}
RESUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    **_SETTLED,
    202: _receipt("Acknowledged by the broker, and marked as resubmitted.", {"accepted": 1, "refused": []}),
    400: {"description": "Not JSON."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "More than 1 MiB."},
    415: {"description": "A media type or encoding that is not taken."},
    422: _receipt("Refused again; the record stays as it is.", _NONE),
    503: {"description": "Not acknowledged in time: send the same again."},
}
DISCARD_RESPONSES: dict[int | str, dict[str, Any]] = {
    **_SETTLED,
    200: _answer("The record, discarded.", _QUARANTINED, _ENTRY | {"status": "discarded"}),
}
