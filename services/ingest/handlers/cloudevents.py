"""A Kafka record to the CloudEvent in it, in structured or binary mode (CloudEvents, Kafka protocol binding 1.0)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.domain.entities import Code, Refuse
from services.ingest.handlers.decoding import MAX_EVENT_BYTES, TOO_LARGE, NotJson, decode_event

Headers = Sequence[tuple[str, bytes | None]]

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"
_STRUCTURED = "application/cloudevents+json"
_ATTRIBUTE = re.compile(r"[a-z0-9_]{1,64}")


def event_in(value: bytes | None, headers: Headers) -> Any:
    """The event as decoded JSON, for `judge`; or a `Refuse` when there is none. Never raises.

    A content type of CloudEvents or no `ce_` header means structured mode: the value is the event. Otherwise the
    `ce_` headers are its attributes and the value, which may be absent, its data.
    """
    given = {name.lower(): text for name, text in headers}
    try:
        return _event_in(value, given)
    except NotJson:
        return Refuse("event", Code.NOT_JSON, "expected a CloudEvent as JSON in UTF-8")


def _event_in(value: bytes | None, headers: Mapping[str, bytes | None]) -> Any:
    content_type = (headers.get(_CONTENT_TYPE) or b"").decode("latin-1").strip()
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents") and media_type != _STRUCTURED:
        return Refuse(_CONTENT_TYPE, Code.VALUE, f"expected {_STRUCTURED}, one event a record")
    if media_type != _STRUCTURED and any(name.startswith(_PREFIX) for name in headers):
        return _binary(value, headers, content_type)
    if not value:
        return Refuse("event", Code.EMPTY, "expected a CloudEvent, in the value or in ce_ headers")
    return decode_event(value)


def _binary(value: bytes | None, headers: Mapping[str, bytes | None], content_type: str) -> Any:
    size = len(value or b"") + sum(len(name) + len(text or b"") for name, text in headers.items())
    if size > MAX_EVENT_BYTES:
        return TOO_LARGE
    event: dict[str, Any] = {}
    for name, text in headers.items():
        if not name.startswith(_PREFIX) or text is None:
            continue
        attribute = name.removeprefix(_PREFIX)
        try:
            event[attribute] = text.decode()
        except UnicodeDecodeError:
            field = attribute if _ATTRIBUTE.fullmatch(attribute) else "event"
            return Refuse(field, Code.VALUE, "expected a header in UTF-8")
    if content_type:
        event["datacontenttype"] = content_type
    if not value:
        return event
    if content_type and "json" not in content_type.lower():
        return Refuse("datacontenttype", Code.VALUE, "expected application/json")
    try:
        event["data"] = decode_event(value)
    except NotJson:
        return Refuse("data", Code.NOT_JSON, "expected data as JSON in UTF-8")
    return event["data"] if isinstance(event["data"], Refuse) else event
