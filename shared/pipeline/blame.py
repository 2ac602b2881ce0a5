"""What to say of a failure: its kind and its place. Its own text may quote the record, so it is never repeated."""

from collections.abc import Iterator
from traceback import walk_tb

from shared.errors import DeadReason, PermanentError


def blame(error: Exception) -> tuple[DeadReason, str]:
    """The reason to set a record aside for, and a detail."""
    if isinstance(error, PermanentError):
        return error.reason, error.detail
    return DeadReason.HANDLER_FAILED, f"{type(error).__name__} at {([*places(error)] or ['an unknown place'])[-1]}"


def places(error: Exception) -> Iterator[str]:
    """The lines of our own code that it came through, the innermost last: of this package and of the handler's."""
    ours = {"shared"}
    for frame, line in walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        package = module.partition(".")[0]
        if len(ours) == 1:
            ours.add(package)
        if package in ours:
            yield f"{module}:{line}"
