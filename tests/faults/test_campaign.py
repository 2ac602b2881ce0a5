"""A row of the table says everything that is wrong, and passes only when nothing is."""

from dataclasses import replace

import pytest

from tests.faults.campaign import HEADER, Row, line
from tests.faults.ledger import KINDS
from tests.faults.tiers import TIERS

GOOD = Row(fault="kill -9", at=1, recovery=4.2, accepted=100, missing=0, extra=0, twice=0, stale=0, backwards=0)


def test_a_row_passes_when_nothing_is_wrong() -> None:
    assert GOOD.passed
    assert not GOOD.slow
    assert replace(GOOD, figures={"killed": 3}).passed


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_of_any_kind_is_counted_in_its_column(kind: str) -> None:
    row = replace(GOOD, **{kind: 77})  # type: ignore[arg-type]
    assert not row.passed
    column = HEADER.index(f" {kind}") + len(kind) + 1
    assert line(row)[:column].endswith(" 77")


def test_what_did_not_hold_and_who_never_came_to_rest_is_said() -> None:
    broken = replace(GOOD, broken="it spins", figures={"percent": 80.5})
    assert not broken.passed
    assert line(broken).splitlines()[1:] == ["    percent 80.5", "    did not hold: it spins"]
    restless = replace(GOOD, unrest={"notify": "2 due"})
    assert not restless.passed
    assert line(restless).splitlines()[1:] == ["    never at rest: notify: 2 due"]


def test_half_a_minute_is_slow() -> None:
    assert replace(GOOD, recovery=30.1).slow
    assert line(replace(GOOD, recovery=30.1)).endswith(" slow")


def test_every_fault_of_a_tier_has_a_name_of_its_own() -> None:
    for tier in TIERS.values():
        assert len({fault.name for fault in tier.faults}) == len(tier.faults)
        assert max(len(fault.name) for fault in tier.faults) <= HEADER.index("  at s")
