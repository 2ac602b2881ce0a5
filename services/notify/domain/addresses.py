"""Whether an e-mail address can be written into an envelope."""

import re

# Narrower than RFC 5321: no quoted local parts, no address literals, ASCII only (we do not speak SMTPUTF8).
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def is_deliverable(address: str) -> bool:
    """Whether a mail server may be asked to deliver there. Says nothing about whether anybody reads it."""
    local, at, domain = address.rpartition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and len(address) <= 254
        and len(local) <= 64
        and len(labels) >= 2
        and _LOCAL.fullmatch(local) is not None
        and all(_LABEL.fullmatch(label) for label in labels)
    )
