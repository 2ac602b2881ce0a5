"""How the routes are described in /openapi.json: they read and write their bodies themselves, so nothing is derived."""

from typing import Any

from services.ingest.domain.entities import Code
from services.ingest.domain.quarantine import Status
from shared.http.problems import Problem

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


def _receipt(description: str, example: Any = None) -> dict[str, Any]:
    return _answer(description, _RECEIPT, example)


def _answer(description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {"application/json": content}}


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

_CONTENT: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "`text` where it is UTF-8, else `base64`.",
    "properties": {"text": {"type": "string"}, "base64": {"type": "string", "contentEncoding": "base64"}},
}
_QUARANTINED: dict[str, Any] = {
    "type": "object",
    "required": ["quarantine_id", "topic", "partition", "offset", "code", "field", "reason", "received_at", "status"],
    "properties": {
        "quarantine_id": {"type": "string", "format": "uuid"},
        "topic": {"type": "string"},
        "partition": {"type": "integer"},
        "offset": {"type": "integer"},
        "code": {"type": "string", "enum": [code.value for code in Code]},
        "field": {"type": "string"},
        "reason": {"type": "string", "description": "What was expected."},
        "received_at": {"type": "string", "format": "date-time"},
        "status": {"type": "string", "enum": [status.value for status in Status]},
        "settled_at": {"type": ["string", "null"], "format": "date-time"},
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
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "Nothing has this id"}}
_SETTLED: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "It was resubmitted or discarded before: `already_settled`"}
}
_REFUSED = {
    "accepted": 0,
    "refused": [
        {"index": 0, "id": "order-1001", "field": "time", "code": "value", "reason": "expected RFC 3339 with a zone"}
    ],
}

QUARANTINE_PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer(
        "A page of refused records.",
        _PAGE,
        {"items": [_ENTRY], "next_cursor": "WyIyMDI2LTAxLTMxVDEyOjAwOjAxKzAwOjAwIiwiMGY5YSJd"},
    )
}
QUARANTINED_RESPONSES: dict[int | str, dict[str, Any]] = {
    **_MISSING,
    200: _answer("The record.", _WITH_CONTENT, _ENTRY | {"content": _RAW}),
}
RESUBMIT_OPERATION: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {"schema": _EVENT, "example": _EXAMPLE},
            "application/cloudevents+json": {"schema": _EVENT, "example": _EXAMPLE},
        },
    }
}
RESUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    **_MISSING,
    **_SETTLED,
    202: _receipt("Acknowledged by the broker, and marked as resubmitted.", {"accepted": 1, "refused": []}),
    400: {"description": "Not JSON."},
    413: {"description": "More than 1 MiB."},
    415: {"description": "A media type or encoding that is not taken."},
    422: _receipt("Refused again; the record stays as it is.", _REFUSED),
    503: {"description": "Not acknowledged in time: send the same again.", "headers": _RETRY_AFTER},
}
DISCARD_RESPONSES: dict[int | str, dict[str, Any]] = {
    **_MISSING,
    **_SETTLED,
    200: _answer("The record, discarded.", _QUARANTINED, _ENTRY | {"status": "discarded"}),
}
