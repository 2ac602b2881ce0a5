"""References: one emitter's name for a person, as one canonical string that gives no address away.

`namespace:value`; the namespace is lower-cased, the value trimmed and in Unicode form NFC. A value that looks like an
e-mail address or a phone number is replaced by a keyed hash, the same for every spelling of the same address.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.ingest.domain.entities import Code, Unfit
from services.ingest.domain.limits import check_text

MAX_LENGTH = 200
HASH_PREFIX = "h_"

# Gives the E.164 form of a phone number, or None when it cannot tell.
NormalisePhone = Callable[[str], str | None]

_NAMESPACE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Canonical as it stands, and neither an address nor a phone number: nearly all references there are.
_PLAIN = re.compile(r"([a-z][a-z0-9_-]{0,31}):(?:[A-Za-z0-9_]{1,10}|[A-Za-z][A-Za-z0-9_.-]{0,199})")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s]@[^@\s]")
_PHONE_CHARACTERS = re.compile(r"[+(]?[0-9][0-9 ().\-/]{5,24}")
_BARE_PHONE = re.compile(r"1[3-9][0-9]{9}|00[1-9][0-9]{8,13}")
_PHONE_NAMESPACES = frozenset({"phone", "tel", "mobile", "msisdn", "sms", "whatsapp"})


class Reference(NamedTuple):
    """A canonical reference; `raw` is the address it stands for, when that had to be hidden."""

    canonical: str
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class References:
    """Makes references canonical. The same secret gives the same hashes, so it must never change."""

    secret: bytes = field(repr=False)
    normalise_phone: NormalisePhone

    def canonical(self, given: Any, namespace: str | None) -> Reference:
        """The canonical form of `given`; `namespace` is put before a value that brings none. Raises Unfit."""
        if type(given) is not str:
            raise Unfit(Code.TYPE, "expected a string such as shop:4711")
        plain = _PLAIN.fullmatch(given)
        if plain is not None and plain[1] not in _PHONE_NAMESPACES:
            return Reference(given)
        return self._canonical(given, namespace)

    def _canonical(self, given: str, namespace: str | None) -> Reference:
        if len(given) > 4 * MAX_LENGTH:
            raise Unfit(Code.TOO_LONG, f"expected a reference of at most {MAX_LENGTH} characters")
        check_text(given)
        before, colon, value = given.partition(":")
        if colon:
            namespace = before.strip().lower()
        else:
            value = given
        if not namespace:
            raise Unfit(Code.REFERENCE, "expected namespace:value, since the sender has no namespace of its own")
        if not _NAMESPACE.fullmatch(namespace):
            raise Unfit(
                Code.REFERENCE, "expected a namespace of up to 32 of a-z, 0-9, _ and -, beginning with a letter"
            )
        value = value.strip()
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
        if not value:
            raise Unfit(Code.REFERENCE, "expected something after the namespace")
        if len(value) > MAX_LENGTH:
            raise Unfit(Code.TOO_LONG, f"expected a reference of at most {MAX_LENGTH} characters")
        if _CONTROL.search(value):
            raise Unfit(Code.REFERENCE, "expected a reference without control characters")
        return self._hidden(namespace, value) or Reference(f"{namespace}:{value}")

    def _hidden(self, namespace: str, value: str) -> Reference | None:
        if "@" in value and _EMAIL.search(value):
            return Reference(f"{namespace}:{self._hash(value.lower())}", raw=value)
        if not _looks_like_phone(namespace, value):
            return None
        known = self.normalise_phone(value)
        digits = re.sub(r"[^0-9]", "", value)
        plain = f"+{digits}" if value.startswith("+") else digits
        return Reference(f"{namespace}:{self._hash(known or plain)}", raw=value)

    def _hash(self, normalised: str) -> str:
        return HASH_PREFIX + hmac.digest(self.secret, normalised.encode(), "sha256").hex()


def _looks_like_phone(namespace: str, value: str) -> bool:
    """Digits in groups, or after a plus or 00, or in a namespace of phones, or of a mobile number in China.

    A bare row of digits is otherwise a customer number, the commonest reference there is.
    """
    if not _PHONE_CHARACTERS.fullmatch(value):
        return False
    if value.isdigit():
        return namespace in _PHONE_NAMESPACES or bool(_BARE_PHONE.fullmatch(value))
    return 7 <= sum(character.isdigit() for character in value) <= 17
