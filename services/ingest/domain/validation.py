"""One decoded event in, an `Interaction` or a `Refuse` out. Pure; a refusal names the field and what was expected."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from services.ingest.domain.entities import Code, Data, Emitter, Interaction, Refuse, Unfit
from services.ingest.domain.kinds import FREE_TEXT, MAX_CODE_LENGTH, reference
from services.ingest.domain.limits import MAX_KEYS, check_object, check_text
from services.ingest.domain.references import References
from services.ingest.domain.vocabulary import VOCABULARY, Shape

MAX_ID_LENGTH = 200
MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

# The raw values behind hashed references, in `pii`: {canonical reference: raw value}.
RAW_REFERENCES = "references"

_TYPE = re.compile(r"[a-z0-9._-]{1,100}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,30})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_USUAL = frozenset({"specversion", "id", "source", "type", "subject", "time", "data"})
_KNOWN = _USUAL | {"pii", "datacontenttype", "dataschema", "correlationid"}


def judge(event: Any, emitter: Emitter, *, now: datetime, references: References) -> Interaction | Refuse:
    """Whether `event` (decoded JSON, numbers with a fraction as Decimal) is taken, and in which form.

    `now` is business time. The answer depends on nothing else, so the same event sent again is judged alike
    unless it lay in the future.
    """
    if type(event) is not dict:
        return Refuse("event", Code.TYPE, "expected a CloudEvent, a JSON object")
    try:
        return _interaction(event, emitter, now, references)
    except Unfit as unfit:
        return Refuse(unfit.field or "event", unfit.code, unfit.reason)


def _interaction(event: Data, emitter: Emitter, now: datetime, references: References) -> Interaction:
    if event.get("specversion") != "1.0":
        raise Unfit(*_wrong_specversion(event.get("specversion")), field="specversion")
    name: Any = event.get("id")
    if not _is_plain_label(name):
        _check_label(name, "id")
    source: Any = event.get("source")
    if source is None and emitter.name is not None:
        source = emitter.name
    elif not _is_plain_label(source):
        _check_label(source, "source")
    kind = _type(event.get("type"))
    subject = event.get("subject")
    if subject is None:
        raise Unfit(Code.MISSING, "expected the reference of a customer, such as shop:4711", field="subject")
    try:
        who = references.canonical(subject, emitter.namespace)
    except Unfit as unfit:
        raise unfit.at("subject") from None
    interaction = Interaction(name, source, kind, who.canonical, _time(event.get("time"), now), {}, {})
    if who.raw is not None:
        interaction.pii[RAW_REFERENCES] = {who.canonical: who.raw}
    data = event.get("data")
    if data is not None:
        _take_data(interaction, data, emitter, references)
    elif kind in VOCABULARY:
        _require(VOCABULARY[kind], {})
    # Seven attributes of which these two are there are the usual seven, since the other five are required.
    if len(event) != len(_USUAL) or data is None or "source" not in event:
        _take_rest(interaction, event)
    return interaction


def _take_data(interaction: Interaction, data: Any, emitter: Emitter, references: References) -> None:
    """Sort `data` into what the vocabulary lets travel in the open and personal data."""
    if type(data) is not dict:
        raise Unfit(Code.TYPE, "expected an object", field="data")
    shape = VOCABULARY.get(interaction.type)
    if shape is None:
        check_object(data, "data")
        _seal(interaction, data)
        return
    if len(data) > MAX_KEYS:
        raise Unfit(Code.TOO_LARGE, f"expected at most {MAX_KEYS} keys in an object", field="data")
    kept = interaction.data
    fields = shape.fields
    private: Data = {}
    for name, value in data.items():
        kind = fields.get(name)
        if kind is None:
            private[name] = value
        elif value is not None:
            try:
                fit = kind(value)
                if kind is reference:
                    fit = _linked(interaction, fit, emitter, references)
            except Unfit as unfit:
                raise unfit.at(f"data.{name}") from None
            if fit is not FREE_TEXT:
                kept[name] = fit
            elif name in shape.required:
                raise Unfit(Code.VALUE, f"expected a code of 1 to {MAX_CODE_LENGTH} characters", field=f"data.{name}")
            else:
                private[name] = value
    _require(shape, kept)
    if private:
        check_object(private, "data")
        _seal(interaction, private)


def _require(shape: Shape, kept: Data) -> None:
    for name in shape.required:
        if name not in kept:
            raise Unfit(Code.MISSING, "expected a value, which this type of interaction needs", field=f"data.{name}")
    if "amount" in kept and "currency" not in kept:
        raise Unfit(Code.MISSING, "expected the currency of the amount (ISO 4217)", field="data.currency")


def _linked(interaction: Interaction, given: str, emitter: Emitter, references: References) -> str:
    other = references.canonical(given, emitter.namespace)
    if other.raw is not None:
        interaction.pii.setdefault(RAW_REFERENCES, {})[other.canonical] = other.raw
    return other.canonical


def _take_rest(interaction: Interaction, event: Data) -> None:
    """What the caller declares personal, and attributes that CloudEvents allows and Ebbtide does not know."""
    given = event.get("pii")
    if given is not None:
        if type(given) is not dict:
            raise Unfit(Code.TYPE, "expected an object", field="pii")
        check_object(given, "pii")
        _seal(interaction, _opened(given))
    content_type = event.get("datacontenttype")
    if content_type is not None and (type(content_type) is not str or "json" not in content_type.lower()):
        raise Unfit(Code.VALUE, "expected application/json", field="datacontenttype")
    if event.get("data_base64") is not None:
        raise Unfit(Code.VALUE, "expected the data as an object in `data`", field="data_base64")
    extensions = {name: value for name, value in event.items() if name not in _KNOWN and value is not None}
    if extensions:
        check_object(extensions, "event")
        _seal(interaction, {"extensions": extensions})


def _opened(given: Data) -> Data:
    """The personal data in `pii`, written plainly or in the wrapping it has on our topics."""
    if "alg" not in given or not {"alg", "kid", "value"}.issuperset(given):
        return given
    if given["alg"] != "none":
        raise Unfit(Code.VALUE, "expected readable personal data", field="pii.alg")
    if type(given.get("value")) is not dict:
        raise Unfit(Code.TYPE, "expected an object", field="pii.value")
    opened: Data = given["value"]
    return opened


def _seal(interaction: Interaction, private: Data) -> None:
    """Add to the personal data. `references` is our own word there; the emitter's goes under another."""
    if RAW_REFERENCES in private:
        private = dict(private)
        private["given_references"] = private.pop(RAW_REFERENCES)
    interaction.pii.update(private)


def _is_plain_label(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable()


def _check_label(value: Any, field: str) -> None:
    if type(value) is not str:
        raise Unfit(*_absent_or("a string", value), field=field)
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        code = Code.TOO_LONG if value else Code.VALUE
        raise Unfit(code, f"expected 1 to {MAX_ID_LENGTH} characters", field=field)
    try:
        check_text(value)
    except Unfit as unfit:
        raise unfit.at(field) from None
    if _CONTROL.search(value):
        raise Unfit(Code.VALUE, "expected text without control characters", field=field)


def _type(value: Any) -> str:
    if type(value) is not str:
        raise Unfit(*_absent_or("a string such as customer.purchase", value), field="type")
    if value not in VOCABULARY and not _TYPE.fullmatch(value):
        raise Unfit(Code.VALUE, "expected 1 to 100 of a-z, 0-9, dot, _ and -", field="type")
    return value


def _time(value: Any, now: datetime) -> datetime:
    if type(value) is not str:
        raise Unfit(*_absent_or("a string such as 2026-01-31T12:00:00Z", value), field="time")
    if not _is_plain_time(value):
        if not _TIME.fullmatch(value):
            raise Unfit(Code.VALUE, "expected RFC 3339 with a zone, such as 2026-01-31T12:00:00Z", field="time")
        value = value.upper()
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(Code.VALUE, "expected an instant that exists, such as 2026-01-31T12:00:00Z", field="time") from None
    if at < EARLIEST:
        raise Unfit(Code.VALUE, "expected an instant in 1900 or later", field="time")
    if at - now > MAX_AHEAD:
        raise Unfit(Code.FUTURE, "expected an instant at most 5 minutes ahead", field="time")
    return at


def _is_plain_time(value: str) -> bool:
    """2026-01-31T12:00:00Z, by its punctuation; the digits are checked where they are read. Only for speed."""
    return (
        len(value) == 20
        and value[19] == "Z"
        and value[10] == "T"
        and value[4] == value[7] == "-"
        and value[13] == value[16] == ":"
    )


def _wrong_specversion(value: Any) -> tuple[Code, str]:
    return (Code.VALUE, 'expected "1.0"') if type(value) is str else _absent_or('"1.0"', value)


def _absent_or(expected: str, value: Any) -> tuple[Code, str]:
    return (Code.MISSING if value is None else Code.TYPE), f"expected {expected}"


def event_id(event: Any) -> str | None:
    """The id of an event that was refused, if it is fit to be given back."""
    value = event.get("id") if type(event) is dict else None
    if not _is_plain_label(value):
        return None
    return value
