"""A defect that somebody could make, and the tests that would tell them."""

from dataclasses import dataclass

from tests.faults.hooks.edits import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """`breaks` says what no longer holds. Each of `tests` (pytest's ids) fails with it and passes without it."""

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
