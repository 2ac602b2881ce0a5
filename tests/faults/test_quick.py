"""The faults that the test suite can afford: every service, the database and the broker die under load."""

from pathlib import Path

import pytest

from tests.faults.campaign import line, run_campaign
from tests.faults.injections import QUICK
from tests.faults.rig import open_rig

SEED = 11


@pytest.mark.timeout(400)
async def test_nothing_accepted_is_lost_or_counted_twice_when_everything_dies_in_turn(tmp_path: Path) -> None:
    """Counted by hand from what was answered as accepted; and ingest goes on accepting while Kafka is away."""
    async with open_rig(tmp_path, seed=SEED, rate=150) as rig:
        rows = await run_campaign(rig, QUICK, seed=SEED, seconds=4, told=lambda row: print(line(row)))
        answers = rig.load.answers
    assert [line(row) for row in rows if not row.passed] == []
    assert not answers.without_retry_after
