"""What is said of a failure: kind and place, nothing of what was handled."""

import json

from shared.errors import DeadReason, PermanentError
from shared.pipeline.blame import blame, places


def failure_of(secret: str) -> Exception:
    try:
        json.loads(secret)
    except ValueError as error:
        return error
    raise AssertionError


def test_it_names_the_kind_and_our_innermost_line() -> None:
    """Not the library's, which says nothing about whose record it was; and never the text of the error."""
    error = failure_of("mary@example.com")
    reason, detail = blame(error)
    assert reason is DeadReason.HANDLER_FAILED
    assert detail.startswith(f"JSONDecodeError at {__name__}:")
    assert all(place.startswith(__name__) for place in places(error))


def test_what_a_handler_says_itself_is_taken_as_it_is() -> None:
    error = PermanentError(DeadReason.WRONG_SHAPE, "amount is no number")
    assert blame(error) == (DeadReason.WRONG_SHAPE, "amount is no number")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert blame(KeyError("x"))[1] == "KeyError at an unknown place"
