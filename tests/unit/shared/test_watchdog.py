"""What has work and does not get on is noticed; what moves, however slowly, or waits for something, is not."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from shared.errors import StuckError
from shared.pipeline.metrics import PipelineMetrics
from shared.pipeline.patience import Work
from shared.pipeline.watchdog import LOOKS, Watchdog


class Subscription:
    """What a test says there is to see."""

    def __init__(self) -> None:
        self.work: list[Work] = []
        self.behind: dict[int, int] = {}
        self.cut_off = False

    @property
    def at_work(self) -> Iterator[Work]:
        return iter(self.work)

    async def unread(self) -> dict[int, int]:
        return dict(self.behind)

    async def is_cut_off(self) -> bool:
        return self.cut_off


class Setting:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seen = Subscription()
        still = PipelineMetrics(self.registry).no_progress
        self.watchdog = Watchdog("t.v1", self.seen, seconds=120, still=still)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.watchdog.look()

    def gauge(self) -> float | None:
        return self.registry.get_sample_value("ebbtide_no_progress_seconds", {"topic": "t.v1"})


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def test_work_that_never_gets_on_is_stuck(setting: Setting) -> None:
    """Not before the limit: the first look only learns where things stand."""
    setting.seen.work = [Work("store")]
    await setting.look(LOOKS)
    assert setting.gauge() == 110
    with pytest.raises(StuckError, match=r"^store of t\.v1 has not got on for 120 s, and nothing is away$"):
        await setting.look()


async def test_one_of_two_is_enough(setting: Setting) -> None:
    """The other writer may be busy with other partitions."""
    hanging = Work("store")
    for _ in range(LOOKS):
        setting.seen.work = [Work("store"), hanging]
        await setting.look()
    with pytest.raises(StuckError):
        await setting.look()


async def test_a_reader_that_does_not_get_what_the_broker_has_is_stuck(setting: Setting) -> None:
    setting.seen.behind = {0: 7, 4: 1042}
    await setting.look(LOOKS)
    setting.seen.behind = {4: 1042}
    with pytest.raises(StuckError, match=r"^reading of t\.v1/4 at offset 1042 has not"):
        await setting.look()


async def test_what_moves_is_not_stuck_however_long_it_takes(setting: Setting) -> None:
    """A long re-run moves offsets, a batch that is taken apart moves steps, new batches are new work."""
    apart = Work("store")
    for number in range(5 * LOOKS):
        apart.steps += number % 10 == 0
        setting.seen.work = [apart] if number % 2 else [apart, Work("publish")]
        setting.seen.behind = {0: number}
        await setting.look()


async def test_having_nothing_to_do_is_not_being_stuck(setting: Setting) -> None:
    """A long rebalance, a member without partitions, a night without interactions."""
    setting.seen.behind = {0: 7}
    await setting.look(LOOKS)
    setting.seen.behind = {}
    await setting.look(3 * LOOKS)
    assert setting.gauge() == 0
    setting.seen.behind = {0: 7}
    await setting.look(LOOKS)


async def test_the_time_until_the_next_attempt_is_nobodys_fault(setting: Setting) -> None:
    """It is known then what is waited for; the attempt itself must end."""
    setting.seen.work = [Work("store", resting=True)]
    await setting.look(3 * LOOKS)
    setting.seen.work[0].resting = False
    await setting.look(LOOKS)
    with pytest.raises(StuckError):
        await setting.look()


async def test_what_is_away_is_waited_for(setting: Setting) -> None:
    """Then everything stands, and a new process would stand as well. Once it is back, patience begins anew."""
    setting.seen.work, setting.seen.cut_off = [Work("publish")], True
    await setting.look(5 * LOOKS)
    setting.seen.cut_off = False
    with pytest.raises(StuckError):
        await setting.look(LOOKS + 1)
