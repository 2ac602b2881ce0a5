"""The words of ingest: who emits, what was received, and what is answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

# Data of an event: what a JSON document can hold, with numbers that have a fraction or an exponent as Decimal.
Data = dict[str, Any]


class Code(StrEnum):
    """Why an event was refused. Closed and stable: callers branch on it."""

    MISSING = "missing"  # a required field is absent or null
    TYPE = "type"  # the field holds another JSON type than expected
    VALUE = "value"  # the right type, but not a value that is allowed here
    REFERENCE = "reference"  # not a `namespace:value`, or no namespace to put before it
    FUTURE = "future"  # more than five minutes ahead of business time
    NUL = "nul"  # a text holds the character U+0000, which no store takes
    TOO_LONG = "too_long"  # a text is longer than allowed
    TOO_LARGE = "too_large"  # the event, an object or a list has more in it than allowed
    TOO_DEEP = "too_deep"  # nested deeper than allowed
    EMPTY = "empty"  # a record without a value
    NOT_JSON = "not_json"  # not a JSON document in UTF-8
    DEFECT = "defect"  # judging it failed, which is our fault: report it


@dataclass(frozen=True, slots=True)
class Emitter:
    """Whoever sends: `name` is the source of events that name none, `namespace` goes before bare references.

    Without a name (nobody signs what lies in Kafka) every event has to say its source itself.
    """

    name: str | None
    namespace: str | None


@dataclass(slots=True)
class Interaction:
    """An event that is taken, in canonical form: `time` in UTC, `data` as the vocabulary allows, the rest in `pii`.

    Not frozen only for the speed of making it; nothing changes one after that.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Data
    pii: Data


@dataclass(frozen=True, slots=True)
class Refuse:
    """An event that is not taken. `reason` says what was expected and never repeats what was sent."""

    field: str
    code: Code
    reason: str


class Unfit(Exception):
    """A value that cannot be taken. Stays inside the domain; callers see `Refuse`."""

    def __init__(self, code: Code, reason: str, *, field: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.field = field

    def at(self, field: str) -> "Unfit":
        """The same, said of `field`."""
        return Unfit(self.code, self.reason, field=field)
