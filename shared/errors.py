"""The families of failure. Who catches them decides by class; what they say is for people."""

from enum import StrEnum


class DeadReason(StrEnum):
    """Why a record can never be handled. Closed list: log field, metric label and column value."""

    UNDECODABLE = "undecodable"
    WRONG_SHAPE = "wrong_shape"
    NUL = "nul"
    WRONG_KEY = "wrong_key"
    EMPTY = "empty"
    HANDLER_FAILED = "handler_failed"


class EbbtideError(Exception):
    """Anything Ebbtide raises on purpose."""


class TransientError(EbbtideError):
    """Something outside is away. The same work, tried later, can succeed; nothing may be skipped meanwhile."""


class StaleReadError(TransientError):
    """What was read before the locks were taken has moved on. Try the transaction again, at once."""


class PermanentError(EbbtideError):
    """This record can never be handled, however often it is tried."""

    def __init__(self, reason: DeadReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoppedError(EbbtideError):
    """Most of what arrives cannot be handled, so it is ours to mend: nothing is set aside, nothing goes on."""


class StuckError(EbbtideError):
    """Work does not get on although nothing is away: only a new process can help."""


class ConfigurationError(EbbtideError):
    """The operator has to change something. The message is one sentence that says what."""
