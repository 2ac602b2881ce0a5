"""A giant customer has few checkpoints, and one near whatever comes late."""

import pytest

from services.profiles.domain.checkpoints import EVERY, is_due, superseded


def kept_of(total: int) -> list[int]:
    """The checkpoints of a customer that grew to `total` interactions, thinned at each new one."""
    kept: list[int] = []
    for count in range(EVERY, total + 1, EVERY):
        kept.append(count)
        gone = set(superseded(kept))
        kept = [one for one in kept if one not in gone]
    return kept


@pytest.mark.parametrize(
    ("before", "after", "due"), [(0, 999, False), (999, 1_000, True), (1_000, 1_999, False), (500, 7_000, True)]
)
def test_a_checkpoint_is_due_when_a_thousand_is_full(before: int, after: int, due: bool) -> None:
    assert is_due(before, after) is due


def test_a_customer_of_a_million_interactions_has_some_dozens() -> None:
    assert len(kept_of(1_000_000)) < 80


@pytest.mark.parametrize("total", [10_000, 77_000, 1_000_000])
def test_what_comes_late_by_d_finds_a_checkpoint_not_much_more_than_twice_as_far_back(total: int) -> None:
    kept = kept_of(total)
    for late in range(EVERY, total - EVERY, 7 * EVERY):
        place = total - late
        nearest = max((one for one in kept if one <= place), default=0)
        assert total - nearest <= 2 * late + 2 * EVERY, (late, nearest)


def test_nothing_is_superseded_twice_or_missed_later() -> None:
    kept = kept_of(300_000)
    assert superseded(kept) == []
    assert superseded([]) == []
