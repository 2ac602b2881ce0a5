"""The faults that the test suite can afford: every service, the database, the broker and the lines between them."""

from pathlib import Path

import pytest

from tests.faults.campaign import line, run_campaign
from tests.faults.rig import open_rig
from tests.faults.tiers import TIERS

SEED = 11


@pytest.mark.timeout(1200)
async def test_nothing_accepted_is_lost_or_counted_twice_when_everything_dies_in_turn(tmp_path: Path) -> None:
    """Counted by hand from what was answered as accepted; and ingest goes on accepting while Kafka is away."""
    quick = TIERS["quick"]
    async with open_rig(tmp_path, seed=SEED, rate=quick.rate) as rig:
        rows = await run_campaign(
            rig, quick.faults, seed=SEED, seconds=quick.seconds, told=lambda row: print(line(row))
        )
        answers, reader = rig.load.answers, rig.reader
    assert [line(row) for row in rows if not row.passed] == []
    assert not answers.without_retry_after
    assert reader.answers
    assert reader.records
