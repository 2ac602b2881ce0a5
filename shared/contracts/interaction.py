"""`interactions.v1`: what happened, once written never changed."""

from typing import Any, Literal

from shared.contracts.record import Instant, Record


class Pii(Record, frozen=True, kw_only=True):
    """The only place of personal data: names, addresses, free text and what no allow-list names.

    `value` is readable while `alg` is `none`; opened by `shared.pii.open_pii` and nowhere else.
    """

    alg: Literal["none"] = "none"
    kid: str | None = None
    value: dict[str, Any]


class Anchor(Record, frozen=True, kw_only=True):
    """The identity of an interaction: `(reference, source, id)`, where a spell began."""

    reference: str
    source: str
    id: str


class InboundEvent(Record, frozen=True, kw_only=True):
    """What other systems write to `interactions.inbound.v1`: a CloudEvent nobody has looked at yet.

    In structured mode it is the record's value; in binary mode the attributes are headers `ce_id`, `ce_source` and so
    on and the value is `data`. Ingest judges it like an event sent by HTTP, takes it into `interactions.v1` or sets it
    aside in its quarantine. `subject` is `namespace:value`; `pii` is for what is personal.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    data: dict[str, Any] = {}
    pii: dict[str, Any] = {}


class Interaction(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a customer did or that was done to them, as a CloudEvent.

    Identified by `(subject, source, id)`; ordered by `(time, source, id)`. `subject` is the canonical reference
    `namespace:value` and the key of the record. `data` holds the fields the vocabulary allows for `type`.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    data: dict[str, Any] = {}
    pii: Pii | None = None
    correlationid: str = ""
